// Package reprise is the front page of a library that gives every HTTP request
// one database transaction, and replays the whole request when the database takes
// that transaction away: drops the connection, refuses a conflict, fails over.
// The client sees one answer; the database sees the request's effects once.
//
// # The model
//
// One run of a handler in one transaction is an attempt. When a statement fails
// for a reason that another attempt may not meet, the attempt is doomed: its
// transaction can only be rolled back, further statements are refused at once,
// and whatever the handler answers is thrown away. The request is replayed from
// its first byte, up to five times, and then answered with 503. Nothing reaches
// the client before COMMIT is confirmed.
//
// # The guarantees
//
//   - An error of the database that dooms an attempt cannot be swallowed by a
//     handler: the attempt is doomed when the error is seen, not when it is
//     returned.
//   - No answer of a discarded attempt leaves, not even a header.
//   - A COMMIT whose answer was lost is never replayed blindly: its outcome is
//     what the server said, or what PostgreSQL or the ledger says later, or unknown, and
//     then the client is told so.
//   - Whatever happens, panics included, no connection is left in a transaction
//     and no temporary file remains.
//
// Effects outside the database are not undone by a rollback. They belong into
// [txctx.AfterCommit], into an outbox table, or behind [txctx.DisableReplay].
//
// # The map
//
//   - [github.com/reprise-go/reprise/middleware] is what a server uses:
//     middleware.New(db, middleware.Config{}).
//   - [github.com/reprise-go/reprise/pgadapter] is PostgreSQL over pgxpool, and
//     where a handler gets its transaction: pgadapter.Tx(r.Context()).
//   - [github.com/reprise-go/reprise/sqladapter] is any driver of database/sql, for
//     libraries that want a *sql.Tx; [github.com/reprise-go/reprise/mysqladapter]
//     is MySQL and MariaDB, [github.com/reprise-go/reprise/sqliteadapter] SQLite.
//   - [github.com/reprise-go/reprise/txctx] is the engine, for jobs, and what a
//     handler may ask of its attempt.
//   - [github.com/reprise-go/reprise/ledger] is the optional table by which the outcome
//     of a lost COMMIT is looked up, and in which Idempotency-Keys are kept.
//   - [github.com/reprise-go/reprise/retryable] holds reasons, marks and policy.
//   - [github.com/reprise-go/reprise/telemetry] makes OpenTelemetry spans and metrics of
//     what the engine tells.
//   - [github.com/reprise-go/reprise/txtest] is for the tests of handlers: planned
//     faults, and every request run twice.
//
// A request goes one way: middleware, txctx.Run, adapter, txctx.Run, middleware.
// The packages import each other in the same direction only: middleware, the adapters
// and telemetry know txctx, txctx knows retryable, and nobody knows more.
package reprise
