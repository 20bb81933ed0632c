package pgadapter

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var _ txctx.Claimer = recordedWork{}

const (
	// leastWait is how long a claim waits for locks, at least: an insert may also have to
	// wait for somebody who makes room in the table, and its key is not taken then: with
	// 1 ms, one in 7000 under load.
	leastWait = 100 * time.Millisecond

	// replayWait is that of replays, for what earlier attempts may have left behind.
	replayWait = time.Second
)

// Claim implements [txctx.Claimer]: the attempt's row of the ledger is written first,
// instead of last.
func (w recordedWork) Claim(ctx context.Context, k *txctx.Key) (*txctx.Answer, error) {
	last := w.lastClaim()
	if err := w.lock(); err != nil {
		return nil, err
	}
	if err := w.begun(ctx); err != nil {
		return nil, err
	}
	conn := w.conn.Conn()
	_, err := script(ctx, conn, w.claimQuery(k))
	switch e := serverError(err); {
	case err == nil:
		*last = claimed{w.c.Number(), session{w.pid, w.began}}
	case e == nil:
	case e.Code == uniqueViolation:
		return w.find(ctx, k)
	case e.Code == lockNotAvailable && w.c.Number() == 1:
		w.mu.Unlock()
		return nil, txctx.ErrKeyInUse
	case e.Code == lockNotAvailable && last.session.pid != 0:
		_, _ = script(ctx, conn, "rollback; begin; "+last.session.end())
	}
	return nil, w.leave(ctx, err)
}

// claimQuery writes the row, and may wait for whoever has the key. lock_timeout is then
// what it was, whoever had set it.
func (w recordedWork) claimQuery(k *txctx.Key) string {
	wait := max(k.Wait, leastWait)
	if w.c.Number() > 1 {
		wait = max(wait, replayWait)
	}
	const most = math.MaxInt32 * time.Millisecond // PostgreSQL's
	return fmt.Sprintf(`select set_config('reprise.lock_timeout', current_setting('lock_timeout'), true), set_config('lock_timeout', '%dms', true); %s; select set_config('lock_timeout', current_setting('reprise.lock_timeout'), true)`,
		min(wait, most).Milliseconds(), w.db.book.Claim(w.c.RunID(), w.c.Number(), k.ID, k.Fingerprint))
}

// find returns what is kept with a key that was found taken, and leaves. The transaction
// has failed, and may have a snapshot in which the key is free, so it looks in another,
// which the engine rolls back.
func (w recordedWork) find(ctx context.Context, k *txctx.Key) (*txctx.Answer, error) {
	results, err := script(ctx, w.conn.Conn(), "rollback; begin; "+w.db.book.Find(k.ID))
	if err = w.leave(ctx, err); err != nil {
		return nil, err
	}
	rows := results[2].Rows
	if len(rows) == 0 { // purged since
		w.c.Doom(errVanished, retryable.Statement)
		return nil, errVanished
	}
	fingerprint, answer, err := w.db.book.Read(rows[0])
	switch {
	case err != nil:
		w.c.Doom(err, retryable.Statement)
		return nil, err
	case fingerprint != k.Fingerprint:
		return nil, txctx.ErrKeyReused
	}
	return (*txctx.Answer)(&answer), nil
}

// claimed is the last attempt of a run that had claimed its key, and its session if the
// connection was lost: the server may not know, and keep the key locked.
type claimed struct {
	attempt int
	session session
}

// lastClaim returns that of w's run.
func (w *work) lastClaim() *claimed {
	last, _ := txctx.Once(w.ctx, "github.com/reprise-go/reprise/pgadapter.claimed",
		func() (*claimed, error) { return new(claimed), nil })
	if last.attempt == w.c.Number()-1 && !w.c.AfterLoss() {
		last.session = session{} // it is in the pool, and somebody else's
	}
	return last
}

// session is a transaction as the server sees it.
type session struct {
	pid   uint32
	began time.Time
}

// end returns the statement that ends the session if it sits idle in its transaction;
// not where it is about to commit. Process ids are used again, and poolers make them up,
// so the age of the transaction must fit, too. Where it cannot be ended, the server will
// notice by itself.
func (s session) end() string {
	return fmt.Sprintf(`select pg_terminate_backend(pid) from pg_stat_activity
		where pid = %d and datname = current_database() and usename = current_user
		and state like 'idle in transaction%%' and abs(extract(epoch from clock_timestamp() - xact_start) - %f) < 1`,
		s.pid, time.Since(s.began).Seconds())
}
