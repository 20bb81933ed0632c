package pgadapter

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// judge decides what the error of a statement means for the attempt. The first
// loss counts: whatever follows on a dead connection says nothing.
func (w *work) judge(ctx context.Context, err error) error {
	if doom := w.c.Doomed(); doom != nil {
		if err != nil && errors.Is(doom, txctx.ErrAttemptOver) {
			return fmt.Errorf("%w: %w", doom, err) // cut off by the end of the attempt
		}
		return err
	}
	if w.conn == nil { // of a statement with which nothing has begun: judged there
		if isRetry(err) { // or planned by a test
			w.c.Doom(err, retryable.Statement)
		}
		return err
	}
	pg := w.conn.Conn().PgConn()
	dead := pg.IsClosed()
	switch {
	case err == nil:
	case dead && ctx.Err() != nil && !isPgError(err), timedOut(ctx, err):
		return w.cutOff(ctx, err)
	default:
		marked := w.markHere(err, retryable.Statement)
		if dead && !isRetry(marked) && !isPgError(err) { // pgx has a reason of its own to give it up
			marked = &retryable.Error{Reason: retryable.Disconnected, Err: err}
		}
		if isRetry(marked) {
			w.cause = marked
			w.c.Doom(marked, retryable.Statement)
			return marked
		}
		if dead { // nothing more can be done here, and a replay would meet it again
			w.cause = err
			w.c.Doom(err, retryable.Statement)
			return err
		}
	}
	switch {
	case pg.TxStatus() == 'I' && !w.joined:
		return w.endedByText(err)
	case err != nil && w.cause == nil && pg.TxStatus() == 'E':
		w.cause = err // for the log, should the handler swallow it
	}
	return err
}

// timedOut reports whether a statement failed because the attempt's time was up before it
// was sent: its connection is alive then.
func timedOut(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(context.Cause(ctx), txctx.ErrAttemptTimeout) && !isPgError(err)
}

// cutOff dooms the attempt because the statement's own context ended and took the
// connection with it. That is the caller's failure, unless it was the attempt's
// own time limit, which is there for networks that went silent.
func (w *work) cutOff(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, txctx.ErrAttemptTimeout) {
		err = &retryable.Error{Reason: retryable.Disconnected, Err: fmt.Errorf("%w: %w", cause, err)}
	} else if !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	w.cause = err
	w.c.Doom(err, retryable.Statement)
	return err
}

// endedByText dooms the attempt for good: somebody sent COMMIT or ROLLBACK as
// text, so what is in the database by now cannot be taken back.
func (w *work) endedByText(err error) error {
	err = errors.Join(fmt.Errorf("pgadapter: COMMIT or ROLLBACK was sent as a statement: %w", txctx.ErrManaged), err)
	w.cause = err
	w.c.Fence("the handler ended the transaction by a statement")
	w.c.Doom(err, retryable.Statement)
	return err
}

func isPgError(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}

// mark judges err and returns it marked, unchanged if it is no reason to replay, or has
// one already.
func (w *work) mark(err error, phase retryable.Phase) error {
	if retryable.ReasonOf(err) != retryable.None {
		return err
	}
	reason := w.db.cfg.Classify(w.fault(err, phase))
	if reason == retryable.None {
		return err
	}
	return &retryable.Error{Reason: reason, Err: err}
}

// markHere is mark for an error on w's connection, which may be the end of it.
func (w *work) markHere(err error, phase retryable.Phase) error {
	marked := w.mark(err, phase)
	w.drop = w.drop || Unusable(w.fault(err, phase)) || retryable.ReasonOf(marked).Lost()
	if retryable.ReasonOf(marked) == retryable.Failover && w.conn != nil {
		w.db.failedOver(w.conn.Conn())
	}
	return marked
}

func (w *work) fault(err error, phase retryable.Phase) retryable.Fault {
	f := retryable.Fault{Err: err, Phase: phase, ReadOnly: w.mode.AccessMode == pgx.ReadOnly}
	if w.conn != nil {
		pg := w.conn.Conn().PgConn()
		f.Server = cmp.Or(pg.ParameterStatus("crdb_version"), pg.ParameterStatus("server_version"))
	}
	return f
}

// isRetry reports whether err dooms an attempt to be replayed.
func isRetry(err error) bool { return errors.Is(err, retryable.ErrRetry) }
