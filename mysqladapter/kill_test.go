package mysqladapter_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestAnAbandonedStatementIsKilled: the driver hangs up, and the server would keep
// its locks until it is done.
//
// Mutation: do not kill.
func TestAnAbandonedStatementIsKilled(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	why := errors.New("lost patience")
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		if err := exec(ctx, `update counter set n = 7 where id = 1`); err != nil {
			return err
		}
		short, cancel := context.WithTimeoutCause(ctx, 100*time.Millisecond, why)
		defer cancel()
		return exec(short, `select sleep(60) + ?`, 1)
	})
	if runs != 1 || !errors.Is(err, why) {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := b.db.SQL().ExecContext(ctx, `update counter set n = 8 where id = 1`); err != nil {
		t.Errorf("the row is locked still after %v: %v", time.Since(start), err)
	}
}

// TestAKilledConnectionIsReplayed, whoever kills it and when.
func TestAKilledConnectionIsReplayed(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	var id int
	for name, kill := range map[string]func(ctx context.Context){
		"by itself": func(ctx context.Context) { _ = exec(ctx, fmt.Sprintf(`kill connection %d`, id)) },
		"by others": func(ctx context.Context) { b.outside(fmt.Sprintf(`kill connection %d`, id)); _ = exec(ctx, `select 1`) },
	} {
		b.outside(`truncate effect`)
		runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
			if err := effect(ctx); err != nil {
				return err
			}
			if txctx.AttemptOf(ctx).Number == 1 {
				_ = mysqladapter.Tx(ctx).QueryRowContext(ctx, `select connection_id()`).Scan(&id)
				kill(ctx)
			}
			return nil // swallowed
		})
		if runs != 2 || err != nil || b.effects() != 1 {
			t.Errorf("%s: ran %d times, error %v, %d effects", name, runs, err, b.effects())
		}
	}
}
