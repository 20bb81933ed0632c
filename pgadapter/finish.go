package pgadapter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var errLostBeforeCommit = errors.New("pgadapter: the connection was lost before COMMIT was sent")

// close ends the attempt for all goroutines but the engine's, cutting off a
// statement that one of them has under way. It returns holding mu; a second call
// does nothing else.
func (w *work) close() {
	if !w.mu.TryLock() {
		w.brake.pull()
		w.mu.Lock()
	}
	if w.closed {
		return
	}
	w.closed = true
	w.brake.ease(false)
}

// Judge implements [txctx.Tx].
func (w *work) Judge(err error) error {
	w.close()
	defer w.mu.Unlock()
	if w.conn == nil || w.cause != nil {
		return err
	}
	if pg := w.conn.Conn().PgConn(); pg.IsClosed() || pg.TxStatus() == 'E' {
		return w.markHere(err, retryable.Statement)
	}
	return err
}

// Commit implements [txctx.Tx].
func (w *work) Commit(ctx context.Context) (txctx.Outcome, error) {
	w.close()
	defer w.mu.Unlock()
	switch {
	case w.failed:
		return txctx.RolledBack, w.failedTransaction()
	case w.conn == nil:
		return txctx.Committed, nil
	}
	defer w.release()
	w.finishOpen(ctx)
	if w.leaves() {
		w.endLater("commit")
		return txctx.Committed, nil
	}
	conn := w.conn.Conn()
	switch pg := conn.PgConn(); {
	case isRetry(w.cause):
		_ = w.rollbackNow(ctx)
		return txctx.RolledBack, w.cause
	case pg.IsClosed(), severed(pg.Conn()):
		return txctx.RolledBack, &retryable.Error{Reason: retryable.Disconnected, Err: errLostBeforeCommit}
	case pg.TxStatus() == 'I':
		w.c.Fence("the handler ended the transaction by a statement")
		return txctx.RolledBack, fmt.Errorf("pgadapter: the transaction ended before COMMIT: %w", txctx.ErrManaged)
	case pg.TxStatus() == 'E': // COMMIT would be answered by ROLLBACK
		_ = w.rollbackNow(ctx)
		return txctx.RolledBack, w.failedTransaction()
	}
	if err := w.learnLate(ctx); err != nil {
		_ = w.rollbackNow(ctx)
		return txctx.RolledBack, err
	}
	w.trace.sent = time.Now()
	tag, err := conn.Exec(ctx, w.commitQuery())
	outcome, err := w.verdict(tag, err)
	if pg := conn.PgConn(); !pg.IsClosed() && pg.TxStatus() == 'E' { // the ledger refused its row
		_ = w.rollbackNow(ctx)
	}
	return outcome, err
}

// verdict tells the outcome of COMMIT from the server's own words, and from
// nothing else: pgx 5.9 to 5.12 call a COMMIT that was delivered and confirmed,
// but whose answer was lost, "conn closed" and safe to retry.
func (w *work) verdict(tag pgconn.CommandTag, err error) (txctx.Outcome, error) {
	switch {
	case tag.String() == "ROLLBACK":
		return txctx.RolledBack, w.failedTransaction()
	case err == nil:
		return txctx.Committed, nil
	case tag.String() == "COMMIT":
		return txctx.Committed, err // confirmed; only what follows was lost
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && !fatal(pgErr) {
		if w.conn.Conn().PgConn().TxStatus() == 'E' { // it did not go on to COMMIT
			if marked := w.markHere(err, retryable.Statement); isRetry(marked) {
				return txctx.RolledBack, marked
			}
		}
		marked := w.markHere(err, retryable.Commit)
		if retryable.ReasonOf(marked) == retryable.CommitUnknown {
			return txctx.Unknown, marked
		}
		return txctx.RolledBack, marked
	}
	return txctx.Unknown, &retryable.Error{Reason: retryable.CommitUnknown, Err: err}
}

// failedTransaction is the error of a COMMIT that the server turned into a
// ROLLBACK: a statement failed and the handler went on as if it had not.
func (w *work) failedTransaction() error {
	if w.cause == nil {
		return pgx.ErrTxCommitRollback
	}
	return fmt.Errorf("%w: %w", pgx.ErrTxCommitRollback, w.cause)
}

// Rollback implements [txctx.Tx].
func (w *work) Rollback(ctx context.Context) error {
	w.close()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	defer w.release()
	if w.drop {
		return nil // release closes it
	}
	w.finishOpen(ctx)
	if w.leaves() {
		w.endLater("rollback")
		return nil
	}
	return w.rollbackNow(ctx)
}

func (w *work) rollbackNow(ctx context.Context) error {
	conn := w.conn.Conn()
	if w.drop || conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := conn.Exec(ctx, "rollback")
	if err != nil {
		closeConn(ctx, conn)
	}
	return err
}

// finishOpen closes rows or a batch that the handler left open, within ctx's
// deadline. Their error is seen like any other.
func (w *work) finishOpen(ctx context.Context) {
	if w.open == nil {
		return
	}
	socket := w.conn.Conn().PgConn().Conn()
	if deadline, ok := ctx.Deadline(); ok {
		_ = socket.SetDeadline(deadline)
	}
	if err := w.open.finish(); err != nil && w.cause == nil {
		w.cause = w.markHere(err, retryable.Statement)
	}
	w.open = nil
	if !w.conn.Conn().IsClosed() {
		_ = socket.SetDeadline(time.Time{})
	}
}

// release gives the connection back, if there is one. The pool closes it if it is not
// clean, and here it is closed if it must not be used again.
func (w *work) release() {
	if w.conn == nil {
		return
	}
	if w.drop {
		closeConn(w.ctx, w.conn.Conn())
	}
	w.brake.ease(true)
	if pg := w.conn.Conn().PgConn(); pg.IsClosed() {
		// pgx waits for the server's farewell, up to 15 s, before the pool gets its place
		// back. What has gone silent says none.
		_ = pg.Conn().Close()
	}
	w.conn.Release()
	w.conn, w.rest, w.open = nil, nil, nil
}
