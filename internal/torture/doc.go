// Package torture is where Reprise is put to the proof: the whole stack, from an HTTP
// client to a real PostgreSQL or MariaDB, under faults at every place, and afterwards the
// database and every answer that was given are compared.
//
// A [Bed] is a server behind a fault proxy with the tables of package. An [App] is an
// HTTP server on it, wrapped in the middleware. A [Storm] sends requests from many
// clients while the faults of a schedule drawn from a seed are done, and keeps a
// [History]. The checkers compare that with what is in the database: the numbers in
// their comments are those of the invariants.
//
// A checker that cannot fail is worth nothing. So strategies known to be wrong, the
// controls, run under the same seeds, and the tests fail where they are not caught.
package torture
