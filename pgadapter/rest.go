package pgadapter

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/retryable"
)

const (
	// restFor is how long the end of a plain read waits for a BEGIN to travel with.
	restFor = 500 * time.Microsecond

	// heldFor bounds how long a connection goes from one transaction to the next without
	// being given back: others wait for the pool, or for a pooler's.
	heldFor = 10 * time.Millisecond
)

// resting are the connections whose last transaction was a plain read that need not be
// waited for, and has not been ended yet. The next transaction takes one, and sends the
// end in one message with its BEGIN: under load, a read in a transaction costs one round
// trip, as it does without. One that nobody takes is ended by itself.
type resting struct {
	linger, held time.Duration // restFor, heldFor

	mu    sync.Mutex
	stack []*rest // the last on top, so that few go round
}

// rest is a connection that goes from a plain read to the next transaction.
type rest struct {
	conn  *pgxpool.Conn
	since time.Time // it was acquired
	mode  *mode     // of its transaction
	end   string    // what ends that; "" where it has ended
	ctx   context.Context
	limit time.Duration // for the end
	timer *time.Timer
}

// restable reports whether connections of a pool may rest: where something is to be done
// with each that is given out or comes back, such as setting the tenant, they may not.
func restable(c *pgxpool.Config) bool {
	return c.PrepareConn == nil && c.BeforeAcquire == nil && c.AfterRelease == nil //nolint:staticcheck // users have it
}

// take returns a resting connection, nil if there is none.
func (s *resting) take() *rest {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.stack)
	if n == 0 {
		return nil
	}
	r := s.stack[n-1]
	s.stack[n-1] = nil
	s.stack = s.stack[:n-1]
	r.timer.Stop()
	return r
}

// put lays r to rest.
func (s *resting) put(r *rest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stack = append(s.stack, r)
	if r.timer != nil {
		r.timer.Reset(s.linger)
		return
	}
	r.timer = time.AfterFunc(s.linger, func() {
		if s.remove(r) {
			r.finish()
		}
	})
}

// remove reports whether r was still there.
func (s *resting) remove(r *rest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.stack, r)
	if i < 0 {
		return false
	}
	s.stack = slices.Delete(s.stack, i, i+1)
	return true
}

// finish ends the transaction and gives the connection back, which is closed there if it
// is not clean. Closing the pool waits for it.
func (r *rest) finish() {
	defer r.conn.Release()
	if r.conn.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	ctx := context.WithoutCancel(r.ctx)
	if r.limit != retryable.Forever {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.limit)
		defer cancel()
	}
	_, _ = r.conn.Exec(ctx, r.end) // nobody is waiting for it
}

// endLater leaves the end of the transaction to the next one on its connection, or to
// nobody's time.
func (w *work) endLater(end string) {
	w.brake.ease(true)
	r := w.rest
	if r == nil {
		r = &rest{conn: w.conn, since: w.began}
	}
	r.mode, r.end, r.ctx, r.limit = w.mode, end, w.ctx, w.c.Policy().CommitTimeout
	w.conn, w.rest = nil, nil
	if !w.db.rests || w.began.Sub(r.since) > w.db.resting.held {
		go r.finish()
		return
	}
	w.db.resting.put(r)
}

// opening returns what is sent before the first statement: BEGIN, and before that, where
// a plain read rests on the connection, its end, or both in one.
func (w *work) opening(conn *pgx.Conn) (end, begin string) {
	r := w.rest
	if r == nil || r.end == "" {
		return "", w.mode.begin
	}
	if r.mode == w.mode && chains(conn.PgConn()) {
		return "", r.end + " and chain" // with the same isolation level, READ ONLY
	}
	return r.end, w.mode.begin
}

// chains reports whether the server knows COMMIT AND CHAIN: PostgreSQL does from 12 on.
func chains(pg *pgconn.PgConn) bool {
	major, _, _ := strings.Cut(pg.ParameterStatus("server_version"), ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 12
}

// endPending sends by itself what ends the plain read.
func (w *work) endPending(ctx context.Context, conn *pgx.Conn) error {
	if w.rest == nil || w.rest.end == "" {
		return nil
	}
	_, err := script(ctx, conn, w.rest.end)
	if err == nil {
		w.rest.end = ""
	}
	return err
}
