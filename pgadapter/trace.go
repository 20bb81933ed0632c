package pgadapter

import (
	"context"
	"strings"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// trace is what a transaction is known by after its connection is gone: its number, its
// backend, and a token of the server's incarnation.
//
// The number alone proves nothing: PostgreSQL does not log that it has given a number
// away, so that after a crash, of the server or of a single backend, and after a
// promotion, it gives the number of a transaction that was lost to another, and then says
// "committed" of it. So the token has all that changes with these: the timeline, which
// does with a promotion; the start of the postmaster; and the time at which the
// statistics of the background writer were reset, which a crash does, too. None of them
// needs a privilege, or is slow to read.
//
// A session does not outlive any of these, so that the token is read once in the life of a
// connection. Behind a pooler, where the next transaction may be in another session, it is
// read with the number; only the system's identifier is that of the connection there, and
// the times, to the microsecond, tell servers apart, too.
type trace struct {
	known bool // asked and answered
	owed  bool // something may have been written since, and nobody has asked yet
	xid   string
	origin
	sent time.Time // about when COMMIT was
}

// traceColumn is the name by which the answer is told from other results.
const traceColumn = "reprise_trace"

// tokenColumns are NULL where the server cannot tell. Text that is the same whatever the
// session has set.
const tokenColumns = `case when pg_catalog.pg_is_in_recovery() then null
	else pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) end,
pg_catalog.encode(pg_catalog.timestamptz_send(pg_catalog.pg_postmaster_start_time()), 'hex'),
pg_catalog.encode(pg_catalog.timestamptz_send(pg_catalog.pg_stat_get_bgwriter_stat_reset_time()), 'hex')`

// traceQuery gives the transaction a number, if it has none yet: also NOTIFY and deferred
// triggers take theirs at COMMIT only.
const traceQuery = `select pg_catalog.pg_current_xact_id()::text as ` + traceColumn

// pooledQuery is traceQuery where the session is not the connection's own.
const pooledQuery = `select case when pg_catalog.pg_is_in_recovery() then null else pg_catalog.pg_current_xact_id()::text end as ` +
	traceColumn + `, pg_catalog.pg_backend_pid()::text, ` + tokenColumns

// learn takes the answer: text, in any format.
func (t *trace) learn(values [][]byte) {
	t.owed, t.known = false, true
	t.xid = string(values[0])
	if len(values) == 5 {
		t.pid, t.token = string(values[1]), token(values[2:])
	}
}

// token returns the token of tokenColumns, "" where one of them is NULL.
func token(values [][]byte) string {
	const timeline = 8 // the first digits of a WAL file's name
	if len(values) != 3 || len(values[0]) < timeline || len(values[1]) == 0 || len(values[2]) == 0 {
		return ""
	}
	return string(values[0][:timeline]) + " " + string(values[1]) + " " + string(values[2])
}

// complete reports whether the outcome can be looked up by t.
func (t *trace) complete() bool { return t.xid != "" && t.token != "" && t.home != "" }

// traced reports whether w's outcome is to be found out by its trace.
func (w *work) traced() bool {
	return w.mode.traces && !w.db.untraceable.Load()
}

// asking reports whether the question is still to be asked.
func (w *work) asking() bool {
	return !w.trace.known && w.traced() && (w.conn == nil || traceable(w.conn.Conn()))
}

// asksWith reports whether the question goes with a statement.
func (w *work) asksWith(s *statement) bool {
	if !w.asking() {
		return false
	}
	switch s.kind {
	case writes:
		return true
	case reads:
		return w.trace.owed
	case late:
		w.trace.owed = true
	}
	return false
}

// learn asks by itself, if the trace is not known.
func (w *work) learn(ctx context.Context) error {
	if !w.asking() {
		return nil
	}
	results, err := script(ctx, w.conn.Conn(), questionOf(w.conn.Conn()))
	if err != nil {
		return w.traceFailed(err)
	}
	w.trace.learn(results[0].Rows[0])
	return nil
}

// learnLate asks before COMMIT, if nobody could before.
func (w *work) learnLate(ctx context.Context) error {
	if !w.trace.owed {
		return nil
	}
	err := w.learn(ctx)
	if err != nil {
		err = w.markHere(err, retryable.Statement)
	}
	return err
}

// traceFailed judges an error of the question. It was probed, so that this is what any
// statement may meet; only behind a pooler another server may not know the functions.
// The attempt is replayed then, and nobody asks again.
func (w *work) traceFailed(err error) error {
	e := serverError(err)
	if e == nil || !strings.HasPrefix(e.Code, "42") && !strings.HasPrefix(e.Code, "0A") && e.Code != "55000" {
		return err
	}
	w.db.untraceable.Store(true)
	return &retryable.Error{Reason: retryable.Failover, Err: err}
}
