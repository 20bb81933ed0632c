package pgadapter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// tracedWork is a work whose outcome PostgreSQL itself is asked for.
type tracedWork struct{ *work }

var _ txctx.Resolver = tracedWork{}

var (
	// These are final.
	errNoTrace   = errors.New("pgadapter: the server cannot be asked for the transaction: nothing was sent that may write, or it cannot tell")
	errRestarted = errors.New("pgadapter: the server was restarted, promoted or exchanged since, and cannot tell what became of the transaction")
	errForgotten = errors.New("pgadapter: the server does not know the transaction any more")

	// These are to be asked again.
	errRecovering = &retryable.Error{Reason: retryable.Failover, Err: errors.New("pgadapter: the server takes no writes")}
	errInProgress = &retryable.Error{Reason: retryable.Serialization, Err: errors.New("pgadapter: the transaction is in progress still")}
)

// lateness is how late a COMMIT may come, after which its session is ended.
const lateness = 150 * time.Millisecond

// Resolve implements [txctx.Resolver] by the trace.
func (w tracedWork) Resolve(ctx context.Context) (txctx.Outcome, error) {
	if !w.trace.complete() {
		return txctx.Unknown, errNoTrace
	}
	outcome, err := w.look(ctx)
	if err == nil {
		return outcome, nil
	}
	if err = w.mark(err, retryable.Connect); retryable.ReasonOf(err) == retryable.None {
		err = fmt.Errorf("pgadapter: the outcome cannot be looked up: %w", err)
	}
	return txctx.Unknown, err
}

// look asks a server that takes writes, until ctx ends or the transaction has.
//
// It sees that by itself where it was cut off. Where nobody has told the server that the
// connection is gone, its session is ended, so that a COMMIT that is late can do no harm
// any more. One that waits for a synchronous standby is left to wait: it is committed on
// this server, and ending it would neither undo that nor replicate it.
func (w tracedWork) look(ctx context.Context) (txctx.Outcome, error) {
	conn, err := w.db.connectAnew(ctx)
	if err != nil {
		return txctx.Unknown, err
	}
	defer closeConn(ctx, conn)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		status, err := w.trace.ask(ctx, conn)
		switch {
		case err != nil:
			return txctx.Unknown, err
		case status == "committed":
			return txctx.Committed, nil
		case status == "aborted":
			return txctx.RolledBack, nil
		}
		if time.Since(w.trace.sent) > lateness {
			if _, err := script(ctx, conn, w.trace.endQuery()); err != nil && serverError(err) == nil {
				return txctx.Unknown, err
			} // where it may not be ended, it may end by itself
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return txctx.Unknown, errInProgress
		}
	}
}

// ask returns what the server says of the transaction, if it is still the same. It all
// comes from one statement, and a session does not outlive a crash.
func (t *trace) ask(ctx context.Context, conn *pgx.Conn) (status string, err error) {
	results, err := script(ctx, conn, `select pg_catalog.pg_is_in_recovery(),
(select system_identifier from pg_catalog.pg_control_system())::text,
case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_xact_status('`+t.xid+`'::pg_catalog.xid8) end, `+tokenColumns)
	if e := serverError(err); e != nil && e.Code == "22023" { // in the future
		return "", errRestarted
	}
	if err != nil {
		return "", err
	}
	row := results[0].Rows[0]
	switch status = string(row[2]); {
	case string(row[0]) != "f":
		return "", errRecovering
	case string(row[1]) != t.home, token(row[3:]) != t.token:
		return "", errRestarted
	case status == "":
		return "", errForgotten
	}
	return status, nil
}

// endQuery ends the session if it sits in the transaction and does nothing: then it is
// not about to commit. Process ids are used again, so the transaction's must fit, too.
func (t *trace) endQuery() string {
	xid, _ := strconv.ParseUint(t.xid, 10, 64)
	return fmt.Sprintf(`select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
where pid = '%s' and backend_xid = '%d' and state like 'idle in transaction%%'`, t.pid, uint32(xid))
}
