package kit

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// Store is what every recipe does with its library.
type Store interface {
	Balance(ctx context.Context, id int64) (int64, error)
	Open(ctx context.Context, owner string, balance int64) error
	SetBalance(ctx context.Context, id, balance int64) error
}

// Replays tests a recipe. A request opens an account for bob with 10 of what ada
// has; somebody else deposits 5 with ada between its read and its write. It must
// be replayed, and only the second attempt may be seen: in the answer, and in the
// database. Afterwards the store must work outside of requests as before.
//
// Mutation seen to fail it, for every recipe: run on the pool in requests, too.
func Replays(t *testing.T, open func(*testing.T, *sqladapter.DB) Store) {
	t.Run("the handler returns the error", func(t *testing.T) {
		k := New(t, nil)
		s := open(t, k.DB)
		k.ReplaysOn(s)
		if got, err := s.Balance(t.Context(), Ada.ID); got != 95 || err != nil {
			t.Errorf("after the request ada has %d, %v", got, err)
		}
	})
	t.Run("the handler swallows the error", func(t *testing.T) {
		k := New(t, nil)
		k.replays(open(t, k.DB), func(error) error { return nil })
	})
	t.Run("without a request", func(t *testing.T) {
		k := New(t, nil)
		k.withoutRequest(open(t, k.DB))
	})
}

// ReplaysOn does the same in requests only. The handler returns the error.
func (k *Kit) ReplaysOn(s Store) { k.replays(s, func(err error) error { return err }) }

func (k *Kit) replays(s Store, look func(error) error) {
	k.tb.Helper()
	attempts := 0
	status, body := k.Serve(func(w http.ResponseWriter, r *http.Request) error {
		attempts++
		ctx := r.Context()
		balance, err := s.Balance(ctx, Ada.ID)
		if err != nil {
			return err
		}
		if err := s.Open(ctx, "bob", 10); err != nil {
			return err
		}
		if attempts == 1 {
			k.Deposit(5)
		}
		err = s.SetBalance(ctx, Ada.ID, balance-10)
		if attempts == 1 {
			k.conflicted(ctx, s, err)
		}
		if err := look(err); err != nil {
			return err
		}
		fmt.Fprintf(w, "attempt %d: ada had %d", attempts, balance)
		return nil
	})
	if attempts != 2 {
		k.tb.Errorf("%d attempts, want 2", attempts)
	}
	if want := "attempt 2: ada had 105"; status != http.StatusOK || body != want {
		k.tb.Errorf("answered %d %q, want 200 %q", status, body, want)
	}
	got := k.Accounts()
	for i := range got {
		got[i].ID = 0 // the first attempt used up one
	}
	if want := []Account{{Owner: "ada", Balance: 95}, {Owner: "bob", Balance: 10}}; !slices.Equal(got, want) {
		k.tb.Errorf("in the database: %v, want %v", got, want)
	}
}

// conflicted wants err to be a conflict that the library did not hide, and the
// attempt to be doomed.
func (k *Kit) conflicted(ctx context.Context, s Store, err error) {
	k.tb.Helper()
	if got := retryable.ReasonOf(err); got != retryable.Serialization {
		k.tb.Errorf("SetBalance: reason %v of %v", got, err)
	}
	if _, err := s.Balance(ctx, Ada.ID); retryable.ReasonOf(err) != retryable.Serialization {
		k.tb.Errorf("the doomed transaction took another statement: %v", err)
	}
}

// withoutRequest: the same store runs on the pool, in autocommit.
func (k *Kit) withoutRequest(s Store) {
	ctx := k.tb.Context()
	if n := txctx.AttemptOf(ctx).Number; n != 0 {
		k.tb.Fatalf("attempt %d", n)
	}
	if err := s.Open(ctx, "bob", 10); err != nil {
		k.tb.Fatal(err)
	}
	if err := s.SetBalance(ctx, Ada.ID, 90); err != nil {
		k.tb.Fatal(err)
	}
	if got, err := s.Balance(ctx, Ada.ID); got != 90 || err != nil {
		k.tb.Errorf("ada has %d, %v", got, err)
	}
	if want := []Account{{1, "ada", 90}, {2, "bob", 10}}; !slices.Equal(k.Accounts(), want) {
		k.tb.Errorf("in the database: %v, want %v", k.Accounts(), want)
	}
}
