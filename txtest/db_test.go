package txtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// Mutation seen to fail it: apply the statements of every transaction that ends.
func TestDBKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	db := new(txtest.DB)
	attempts := 0
	err := run(t, db, func(ctx context.Context) error {
		attempts++
		if err := statements("a", "b")(ctx); err != nil {
			return err
		}
		if attempts == 1 {
			return retryable.ErrRetry
		}
		return txtest.Statement(ctx, "c")
	})
	want(t, "error", err, nil)
	want(t, "committed", db.Committed(), []string{"a", "b", "c"})
	want(t, "rolled back", db.RolledBack(), []string{"a", "b"})
}

func TestStatementsAreRefused(t *testing.T) {
	t.Parallel()
	db := new(txtest.DB)
	if err := txtest.Statement(t.Context(), "outside"); !errors.Is(err, txctx.ErrNoTransaction) {
		t.Errorf("outside an attempt: %v", err)
	}
	var kept context.Context
	plain := errors.New("plain")
	err := run(t, db, func(ctx context.Context) error {
		kept = ctx
		txctx.Fail(ctx, plain)
		if err := txtest.Statement(ctx, "doomed"); !errors.Is(err, plain) {
			t.Errorf("in a doomed attempt: %v", err)
		}
		return nil
	})
	if !errors.Is(err, plain) {
		t.Error(err)
	}
	if err := txtest.Statement(kept, "late"); !errors.Is(err, txctx.ErrAttemptOver) {
		t.Errorf("after the attempt: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(plain)
	err = txctx.Run(ctx, db, txctx.Options{Logger: quiet}, statements("cancelled"))
	if !errors.Is(err, plain) {
		t.Errorf("under a context that has ended: %v", err)
	}
	want(t, "committed", db.Committed(), nil)
	want(t, "rolled back", db.RolledBack(), nil)
}

// Mutations seen to fail it: keep no answers; free no key of what was rolled back.
func TestLedgerKeepsKeys(t *testing.T) {
	t.Parallel()
	cfg := middleware.Config{Keys: middleware.Keys{Scope: func(*http.Request) (string, error) { return "ann", nil }}}
	db := &txtest.DB{Ledger: true}
	runs := 0
	send := func(key, body string, status int) string {
		r := post("/payments", body)
		r.Header.Set("Idempotency-Key", `"`+key+`"`)
		w := serve(db, cfg, r, func(w http.ResponseWriter, r *http.Request) {
			runs++
			if txtest.Statement(r.Context(), body) == nil {
				w.WriteHeader(status)
				fmt.Fprint(w, "run ", runs)
			}
		})
		return fmt.Sprintf("%d %s", w.Code, w.Body)
	}
	want(t, "refused", send("k", "12", 422), "422 run 1")
	want(t, "first", send("k", "12", 201), "201 run 2")
	want(t, "second", send("k", "12", 201), "201 run 2")
	want(t, "another", send("l", "12", 201), "201 run 3")
	if got := send("k", "13", 201); got[:3] != "422" || runs != 3 {
		t.Errorf("the key was used for something else: %s after %d runs", got, runs)
	}
	want(t, "committed", db.Committed(), []string{"12", "12"})
}

// Mutation seen to fail it: do not wait for the transaction that has the key.
func TestAKeyInUseIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &txtest.DB{Ledger: true}
		finish := make(chan struct{})
		claim := func(k txctx.Key, fn func(context.Context) error) error {
			k.ID = [32]byte{1}
			return txctx.Run(t.Context(), db, txctx.Options{Key: &k}, fn)
		}
		errs := make(chan error, 2)
		go func() {
			errs <- claim(txctx.Key{}, func(context.Context) error { <-finish; return nil })
		}()
		synctest.Wait()
		if err := claim(txctx.Key{}, statements("never")); !errors.Is(err, txctx.ErrKeyInUse) {
			t.Errorf("without patience: %v", err)
		}
		stored := false
		go func() {
			errs <- claim(txctx.Key{Wait: time.Hour, Stored: func(txctx.Answer) { stored = true }}, statements("never"))
		}()
		synctest.Wait()
		close(finish)
		want(t, "first", <-errs, nil)
		want(t, "second", <-errs, nil)
		if !stored {
			t.Error("the second run was not given the answer of the first")
		}
		want(t, "committed", db.Committed(), nil)
	})
}
