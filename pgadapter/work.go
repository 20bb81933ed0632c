package pgadapter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// work is the transaction of one attempt. Statements pass through it one at a
// time:
//
//	enter (refuse or begin) -> pgx -> leave (judge the error)
//
// and Commit, Rollback or Judge close it for all that come later.
type work struct {
	db   *DB
	c    *txctx.Control
	ctx  context.Context // of the attempt, for the methods of pgx.Tx that take none
	root scope

	// mu is held while a statement uses the connection. Statements only ever try
	// to lock it: two at once are a mistake that pgx answers with "conn busy",
	// and waiting would be a deadlock for a Scan method that queries.
	mu     sync.Mutex
	conn   *pgxpool.Conn // nil before the first statement and after the end
	inner  pgx.Tx        // on conn
	open   closer        // rows or a batch the handler has not closed yet
	cause  error         // the first error that failed the transaction
	closed bool          // the attempt is over

	// What cuts off a statement that is under way when the attempt ends.
	stopBegin atomic.Pointer[context.CancelFunc]
	socket    atomic.Pointer[net.Conn]
}

// closer is what must be closed before the connection can be used again.
type closer interface{ finish() error }

var (
	_ txctx.Tx = (*work)(nil)

	errBusy = errors.New("pgadapter: the transaction is busy: another statement is under way, in a goroutine or in a callback")
)

// enter opens the way for one statement: it refuses where the attempt is doomed
// or over, begins the transaction if this is the first statement, and holds the
// connection until leave.
func (w *work) enter(ctx context.Context) error {
	if err := w.lock(); err != nil {
		return err
	}
	if w.inner != nil {
		return nil
	}
	err := w.begin(ctx)
	if err != nil {
		w.mu.Unlock()
	}
	return err
}

// lock takes the connection, or says why it cannot be had.
func (w *work) lock() error {
	if err := w.c.Doomed(); err != nil {
		return err
	}
	return w.lockDoomed()
}

// lockDoomed is lock for what may still be done in a doomed transaction.
func (w *work) lockDoomed() error {
	if !w.mu.TryLock() {
		if err := w.c.Doomed(); err != nil {
			return err
		}
		return errBusy
	}
	if w.closed {
		w.mu.Unlock()
		return txctx.ErrAttemptOver
	}
	return nil
}

// leave judges the error of the statement and lets go of the connection. It
// returns err, marked if it dooms the attempt.
func (w *work) leave(ctx context.Context, err error) error {
	err = w.judge(ctx, err)
	w.mu.Unlock()
	return err
}

// begin takes a connection and sends BEGIN: the one place where a transaction
// starts. Whatever fails here dooms the attempt, unless it was the caller's own
// context.
func (w *work) begin(ctx context.Context) error {
	dialCtx, stop := context.WithCancel(ctx)
	defer stop()
	w.stopBegin.Store(&stop)
	err := w.c.Connect(dialCtx, func(ctx context.Context) error {
		err := w.connect(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		return w.mark(err, retryable.Connect)
	})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !isRetry(err) {
		if !errors.Is(context.Cause(ctx), txctx.ErrAttemptTimeout) {
			return err
		}
		err = &retryable.Error{Reason: retryable.Disconnected, Err: err}
	}
	w.c.Doom(err, retryable.Connect)
	return err
}

// connect takes a connection and sends BEGIN. A connection that turns out to have
// died in the pool is no failure of the attempt: nothing has run, so the next one
// is tried, after making sure that it is alive.
func (w *work) connect(ctx context.Context) error {
	pooled, err := w.tryConnect(ctx, w.c.AfterLoss())
	if pooled && err != nil && ctx.Err() == nil && retryable.ReasonOf(w.mark(err, retryable.Connect)).Outage() {
		_, err = w.tryConnect(ctx, true)
	}
	return err
}

// tryConnect reports with its error whether that came from a connection the pool
// had given out.
func (w *work) tryConnect(ctx context.Context, checked bool) (pooled bool, err error) {
	conn, err := w.acquire(ctx, checked)
	if err != nil {
		return false, err
	}
	socket := conn.Conn().PgConn().Conn()
	w.socket.Store(&socket)
	inner, err := conn.BeginTx(ctx, w.txOptions())
	if err != nil {
		closed := conn.Conn().IsClosed()
		conn.Release()
		return closed, err
	}
	w.conn, w.inner = conn, inner
	return true, nil
}

// acquire takes a connection from the pool, waiting no longer than the policy
// allows. Where asked to, it makes sure that the connection is alive: those that
// died with another one must not cost a replay each.
func (w *work) acquire(ctx context.Context, checked bool) (*pgxpool.Conn, error) {
	limit := w.c.Policy().AcquireTimeout
	short, cancel := ctx, context.CancelFunc(func() {})
	if limit != retryable.Forever {
		short, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	for {
		conn, err := w.db.pool.Acquire(short)
		if err == nil && checked {
			if err = conn.Ping(short); err != nil {
				closeConn(ctx, conn.Conn())
				conn.Release()
				if short.Err() == nil {
					continue
				}
			}
		}
		if err != nil && short.Err() != nil && ctx.Err() == nil {
			stat := w.db.pool.Stat()
			err = fmt.Errorf("pgadapter: no connection within %v (%d of %d in use): %w",
				limit, stat.AcquiredConns(), stat.MaxConns(), err)
		}
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// judge decides what the error of a statement means for the attempt. The first
// loss counts: whatever follows on a dead connection says nothing.
func (w *work) judge(ctx context.Context, err error) error {
	if doom := w.c.Doomed(); doom != nil {
		if err != nil && errors.Is(doom, txctx.ErrAttemptOver) {
			return fmt.Errorf("%w: %w", doom, err) // cut off by the end of the attempt
		}
		return err
	}
	pg := w.conn.Conn().PgConn()
	dead := pg.IsClosed()
	switch {
	case err == nil:
	case dead && ctx.Err() != nil && !isPgError(err):
		return w.cutOff(ctx, err)
	default:
		marked := w.mark(err, retryable.Statement)
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
	case pg.TxStatus() == 'I':
		return w.endedByText(err)
	case err != nil && w.cause == nil && pg.TxStatus() == 'E':
		w.cause = err // for the log, should the handler swallow it
	}
	return err
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

// closeConn closes a connection without waiting for the server.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_ = conn.Close(ctx)
}
