package mysqladapter_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// locked is a bed whose row 1 of counter somebody else has locked until unlock.
func locked(t *testing.T, dsn string) (b *bed, unlock func()) {
	t.Helper()
	b = bedOn(t, dsn, mysqladapter.Config{})
	other := b.other()
	if _, err := other.Exec(`update counter set n = 1 where id = 1`); err != nil {
		t.Fatal(err)
	}
	unlock = func() { _ = other.Rollback() }
	t.Cleanup(unlock)
	return b, unlock
}

const nowait = `select n from counter where id = 1 for update nowait`

func query(ctx context.Context, q string) (n int, err error) {
	err = mysqladapter.Tx(ctx).QueryRowContext(ctx, q).Scan(&n)
	return n, err
}

// TestNowaitOfMySQL: MariaDB has the number, 3572, from who asks for it.
//
// Mutation seen to fail it: no Deferred.
func TestNowaitOfMySQL(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	for name, tt := range map[string]struct {
		leave func(error) error
		runs  int
	}{
		"swallowed, it is the handler's answer": {func(error) error { return nil }, 1},
		"returned, it is replayed":              {func(err error) error { return fmt.Errorf("seat: %w", err) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b.outside(`truncate effect`)
			runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
				if err := effect(ctx); err != nil || txctx.AttemptOf(ctx).Number > 1 {
					return err
				}
				err := exec(ctx, `signal sqlstate 'HY000' set mysql_errno = 3572, message_text = 'Statement aborted: NOWAIT is set.'`)
				if number(err) != 3572 || retryable.ReasonOf(err) != retryable.LockTimeout {
					t.Errorf("%v", err)
				}
				if err := effect(ctx); err != nil {
					t.Errorf("the next statement: %v", err)
				}
				return tt.leave(err)
			})
			if runs != tt.runs || err != nil || b.effects() != 3-runs {
				t.Errorf("ran %d times, error %v, %d effects", runs, err, b.effects())
			}
		})
	}
}

// TestNowaitOfMariaDB answers 1205 at once, as any lock wait does when its time is up,
// and dooms. Handlers that live with it say so, by a savepoint or by Rollback.
//
// Mutation seen to fail it: 1205 is Deferred too.
func TestNowaitOfMariaDB(t *testing.T) {
	for name, tt := range map[string]struct {
		handler func(ctx context.Context, meet func() error) error
		runs    int
		effects int
	}{
		"swallowed, it is replayed": {func(_ context.Context, meet func() error) error {
			_ = meet()
			return nil
		}, 2, 1},
		"in a savepoint, it is the handler's answer": {func(ctx context.Context, meet func() error) error {
			if err := exec(ctx, `savepoint sp`); err != nil {
				return err
			}
			_ = meet()
			return exec(ctx, `rollback to sp`)
		}, 1, 1},
		"before Rollback, it is the handler's answer": {func(ctx context.Context, meet func() error) error {
			_ = meet()
			txctx.Rollback(ctx)
			return nil
		}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b, unlock := locked(t, mariatest.Database(t, mariatest.Shared(t)))
			runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
				if err := effect(ctx); err != nil {
					return err
				}
				if txctx.AttemptOf(ctx).Number > 1 {
					unlock()
				}
				return tt.handler(ctx, func() error {
					start := time.Now()
					_, err := query(ctx, nowait)
					if txctx.AttemptOf(ctx).Number == 1 && (number(err) != 1205 || retryable.ReasonOf(err) != retryable.LockTimeout) {
						t.Errorf("%v", err)
					}
					if d := time.Since(start); d > time.Second { // innodb_lock_wait_timeout is 2
						t.Errorf("it took %v", d)
					}
					return err
				})
			})
			if runs != tt.runs || err != nil || b.effects() != tt.effects {
				t.Errorf("ran %d times, error %v, %d effects", runs, err, b.effects())
			}
		})
	}
}

// TestNowaitMayLoseTheTransaction is why MariaDB's dooms: where the server is told
// to roll back on a timeout, it does so for NOWAIT too, under the same number, and
// would run what follows in autocommit. A rollback to a savepoint, which is gone,
// forgives nothing.
//
// Mutations seen to fail it: 1205 is Deferred too; a doomed attempt's statements are
// sent.
func TestNowaitMayLoseTheTransaction(t *testing.T) {
	server := mariatest.New(t, mariaserver.Config{Settings: map[string]string{"innodb_rollback_on_timeout": "ON"}})
	b, unlock := locked(t, mariatest.Database(t, server))
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		if err := effect(ctx); err != nil {
			return err
		}
		if txctx.AttemptOf(ctx).Number > 1 {
			unlock()
			return nil
		}
		_ = exec(ctx, `savepoint sp`)
		if _, err := query(ctx, nowait); number(err) != 1205 {
			t.Errorf("%v", err)
		}
		if err := exec(ctx, `rollback to sp`); number(err) != 1305 {
			t.Errorf("the savepoint is still there: %v", err)
		}
		_ = effect(ctx)
		return nil
	})
	if runs != 2 || err != nil || b.effects() != 1 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, b.effects())
	}
}

func TestSkipLocked(t *testing.T) {
	b, _ := locked(t, mariatest.Database(t, mariatest.Shared(t)))
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		id, err := query(ctx, `select id from counter order by id limit 1 for update skip locked`)
		if id != 2 {
			t.Errorf("row %d", id)
		}
		return err
	})
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}
