package pgadapter

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// probeKey is where a connection keeps what the probe has found.
const probeKey = "github.com/reprise-go/reprise/pgadapter.home"

// probeQuery fails where a function is missing or refused. It writes nothing, and takes
// no number of a transaction.
const probeQuery = `select (select system_identifier from pg_catalog.pg_control_system())::text,
pg_catalog.has_function_privilege('pg_catalog.pg_current_xact_id()', 'execute')
and pg_catalog.has_function_privilege('pg_catalog.pg_xact_status(xid8)', 'execute'),
pg_catalog.pg_backend_pid(), ` + tokenColumns

// probe finds out, once for a connection, whether its server can tell of transactions
// later, and which it is. It runs by itself before the first transaction that may write:
// within one, a function that is missing would fail it. An error is one of the
// connection.
func (w *work) probe(ctx context.Context, conn *pgx.Conn) error {
	if !w.traced() {
		return nil
	}
	pg := conn.PgConn()
	home, done := pg.CustomData()[probeKey].(string)
	if !done {
		if imitates(pg) {
			pg.CustomData()[probeKey] = ""
			return nil
		}
		results, err := script(ctx, conn, probeQuery)
		if e := serverError(err); err != nil && (e == nil || fatal(e)) {
			if e == nil && !conn.IsClosed() {
				return &unbegun{err: err} // pgx sent nothing
			}
			return err
		}
		if err == nil && len(results) == 1 && len(results[0].Rows) == 1 && string(results[0].Rows[0][1]) == "t" {
			home = string(results[0].Rows[0][0])
		}
		pg.CustomData()[probeKey] = home
	}
	w.trace.home = home
	return nil
}

// imitates reports whether the server says that it is not PostgreSQL itself: what its
// functions of the same names say would be another thing.
func imitates(pg *pgconn.PgConn) bool {
	version := pg.ParameterStatus("server_version")
	return pg.ParameterStatus("crdb_version") != "" || strings.Contains(version, "-YB-") || version == ""
}

// traceable reports what the probe has found.
func traceable(conn *pgx.Conn) bool {
	home, _ := conn.PgConn().CustomData()[probeKey].(string)
	return home != ""
}
