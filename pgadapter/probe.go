package pgadapter

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// origin is where a transaction was.
type origin struct {
	home  string // the system's identifier, "" where the server cannot tell of transactions
	token string // of the server's incarnation, "" where it is not known
	pid   string // of the backend
}

// probeKey is where a connection keeps the origin that the probe has found. Behind a pooler
// that has neither token nor pid.
const probeKey = "github.com/reprise-go/reprise/pgadapter.origin"

// probeQuery fails where a function is missing or refused. It writes nothing, and takes
// no number of a transaction.
const probeQuery = `select (select system_identifier from pg_catalog.pg_control_system())::text,
pg_catalog.has_function_privilege('pg_catalog.pg_current_xact_id()', 'execute')
and pg_catalog.has_function_privilege('pg_catalog.pg_xact_status(xid8)', 'execute'),
pg_catalog.pg_backend_pid()::text, ` + tokenColumns

// probe finds out, once for a connection, whether its server can tell of transactions
// later, and which it is. It runs by itself before the first transaction that may write:
// within one, a function that is missing would fail it. An error is one of the
// connection.
func (w *work) probe(ctx context.Context, conn *pgx.Conn) error {
	if !w.traced() {
		return nil
	}
	pg := conn.PgConn()
	found, done := pg.CustomData()[probeKey].(origin)
	if !done && !imitates(pg) {
		if err := w.endPending(ctx, conn); err != nil {
			return err
		}
		results, err := script(ctx, conn, probeQuery)
		if e := serverError(err); err != nil && (e == nil || fatal(e)) {
			if e == nil && !conn.IsClosed() {
				return &unbegun{err: err} // pgx sent nothing
			}
			return err
		}
		if err == nil && len(results) == 1 && len(results[0].Rows) == 1 {
			found = originOf(pg, results[0].Rows[0])
		}
	}
	if !done {
		pg.CustomData()[probeKey] = found
	}
	w.trace.origin = found
	return nil
}

// originOf reads the answer to probeQuery. Who is not the backend that the connection was
// made to is behind a pooler; a standby, which has no token, may be promoted.
func originOf(pg *pgconn.PgConn, row [][]byte) (o origin) {
	if string(row[1]) != "t" {
		return o
	}
	o.home = string(row[0])
	pid, token := string(row[2]), token(row[3:])
	if token != "" && pid == strconv.FormatUint(uint64(pg.PID()), 10) {
		o.token, o.pid = token, pid
	}
	return o
}

// questionOf returns the question for the trace of a transaction on a connection.
func questionOf(conn *pgx.Conn) string {
	if found, _ := conn.PgConn().CustomData()[probeKey].(origin); found.pid != "" {
		return traceQuery
	}
	return pooledQuery
}

// imitates reports whether the server says that it is not PostgreSQL itself: what its
// functions of the same names say would be another thing.
func imitates(pg *pgconn.PgConn) bool {
	version := pg.ParameterStatus("server_version")
	return pg.ParameterStatus("crdb_version") != "" || strings.Contains(version, "-YB-") || version == ""
}

// traceable reports what the probe has found.
func traceable(conn *pgx.Conn) bool {
	found, _ := conn.PgConn().CustomData()[probeKey].(origin)
	return found.home != ""
}
