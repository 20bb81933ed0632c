// Package pgbouncer runs throwaway PgBouncers for tests: a connection pooler in
// front of a PostgreSQL server, listening on a port of 127.0.0.1.
//
// A pooler lets everybody in, as user postgres of its server, and disappears with
// everything it wrote when it is closed. On Unix it also disappears when the
// process that started it dies in any way. It does not run on Windows.
package pgbouncer
