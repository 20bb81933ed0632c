package torture

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Control is a strategy known to be wrong, in place of Reprise's own: what to do about a
// COMMIT that got no answer. The checkers must find it out.
type Control struct {
	Name string
	// decide says what became of an attempt.
	decide func(ctx context.Context, b *Bed, a *controlled, lost error) (txctx.Outcome, error)

	inDoubt atomic.Int64
}

// InDoubt returns how many COMMITs got no answer.
func (c *Control) InDoubt() int { return int(c.inDoubt.Load()) }

// Options returns those of an app that has the control on a bed.
func (c *Control) Options(b *Bed) AppOptions {
	return AppOptions{
		NoLedger: true,
		Wrap:     func(db txctx.DB) txctx.DB { return controlDB{db, c, b} },
		Inside:   remember(b),
	}
}

type controlDB struct {
	txctx.DB
	control *Control
	bed     *Bed
}

type controlledKey struct{}

func (db controlDB) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	a := &controlled{db: db, run: runOf(ctx), number: c.Number()}
	ctx, a.Tx = db.DB.Begin(context.WithValue(ctx, controlledKey{}, a), c)
	return ctx, a
}

// controlled is the transaction of an attempt. Embedding hides that the adapter's own
// may be looked up.
type controlled struct {
	txctx.Tx
	db     controlDB
	run    string
	number int
	xid    string // of PostgreSQL, "" where nothing was written
	pid    int
}

func (a *controlled) Commit(ctx context.Context) (txctx.Outcome, error) {
	outcome, err := a.Tx.Commit(ctx)
	if outcome != txctx.Unknown {
		return outcome, err
	}
	a.db.control.inDoubt.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return a.db.control.decide(ctx, a.db.bed, a, err)
}

// again is the error of an attempt that is to be replayed.
func again(lost error) error {
	return &retryable.Error{Reason: retryable.Disconnected, Err: beneath(lost)}
}

func beneath(err error) error {
	if marked, ok := errors.AsType[*retryable.Error](err); ok {
		return marked.Err
	}
	return err
}

// BlindReplay takes no answer for no effect.
func BlindReplay() *Control {
	return &Control{Name: "replay blindly", decide: func(_ context.Context, _ *Bed, _ *controlled, lost error) (txctx.Outcome, error) {
		return txctx.RolledBack, again(lost)
	}}
}

// NeverReplay takes no answer for a failure.
func NeverReplay() *Control {
	return &Control{Name: "never replay", decide: func(_ context.Context, _ *Bed, _ *controlled, lost error) (txctx.Outcome, error) {
		return txctx.RolledBack, beneath(lost)
	}}
}

// LookOnly looks whether the effect is there, and does not keep it from coming later.
func LookOnly() *Control {
	return &Control{Name: "look without fence", decide: func(ctx context.Context, b *Bed, a *controlled, lost error) (txctx.Outcome, error) {
		n, err := b.ask(ctx, `select count(*) from happened where run = '`+a.run+`'`)
		switch {
		case err != nil:
			return txctx.Unknown, err
		case n != "0":
			return txctx.Committed, nil
		}
		return txctx.RolledBack, again(lost)
	}}
}

// ask asks for one value past the proxy, until the server answers.
func (b *Bed) ask(ctx context.Context, query string) (answer string, err error) {
	for {
		if err = b.Admin.QueryRowContext(ctx, query).Scan(&answer); err == nil || ctx.Err() != nil {
			return answer, err
		}
		if err := b.Await(ctx); err != nil {
			return "", err
		}
	}
}
