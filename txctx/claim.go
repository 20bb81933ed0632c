package txctx

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/retryable"
)

// mustKeepKeys panics where a run with o.Key could not be what its key promises.
func mustKeepKeys(db DB, o *Options) {
	if o.Key == nil {
		return
	}
	keeper, ok := db.(KeyKeeper)
	if ok {
		_, ok = keeper.KeepsKeys()
	}
	switch {
	case !ok:
		panic(fmt.Sprintf("txctx: Run: Options.Key needs an adapter with a ledger, and this %T keeps no keys", db))
	case o.ReadOnly:
		panic("txctx: Run: Options.Key with ReadOnly: a READ ONLY transaction cannot record it")
	}
}

// claim claims the key of the run for the attempt. With over, that was all of the
// attempt: the key is not its own, or it failed before its function was called.
func (r *run) claim(ctx context.Context, c *Control, tx Tx) (v verdict, over bool) {
	if r.o.Key == nil {
		return verdict{}, false
	}
	answer, err := tx.(Claimer).Claim(ctx, r.o.Key) // that it is one goes with KeyKeeper
	switch {
	case errors.Is(err, ErrKeyInUse), errors.Is(err, ErrKeyReused):
		_, _, _ = c.end()
		r.rollback(ctx, tx)
		return verdict{err: err}, true
	case err != nil:
		return r.settle(ctx, c, tx, err), true
	case answer == nil:
		return verdict{}, false
	}
	_, _, _ = c.end()
	r.rollback(ctx, tx)
	r.stored = true
	if r.o.Key.Stored != nil {
		r.o.Key.Stored(*answer)
	}
	return verdict{}, true
}

// commitKeyed commits an attempt, and with it what its key is to answer.
func (r *run) commitKeyed(ctx context.Context, c *Control, tx Tx) verdict {
	c.answer = new(Answer)
	if r.o.Key.Answer != nil {
		answer, err := r.o.Key.Answer()
		if err != nil {
			return r.settleFailed(ctx, tx, err, retryable.Statement, false)
		}
		*c.answer = answer
	}
	return r.commit(ctx, tx)
}
