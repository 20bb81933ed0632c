package mysqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestHowTransactionsBegin: by their first statement. Setting the session is a round trip
// where it was set in another way before, and none for the next transaction. Outside of
// transactions everything is as the connection was made.
//
// Mutations seen to fail it: leave autocommit off outside of transactions; forget how the
// session was set.
func TestHowTransactionsBegin(t *testing.T) {
	serializable := mysqladapter.Config{TxOptions: sql.TxOptions{Isolation: sql.LevelSerializable}}
	for _, tt := range []struct {
		cfg        mysqladapter.Config
		readOnly   bool
		set, reset string
	}{
		{mysqladapter.Config{}, false, "set autocommit = 0", "set autocommit = 1"},
		{mysqladapter.Config{}, true, "set autocommit = 0, session tx_read_only = 1", "set autocommit = 1, session tx_read_only = 0"},
		{serializable, false, "set autocommit = 0, session tx_isolation = 'SERIALIZABLE'",
			"set autocommit = 1, session tx_isolation = 'REPEATABLE-READ'"},
		{serializable, true, "set autocommit = 0, session tx_isolation = 'SERIALIZABLE', session tx_read_only = 1",
			"set autocommit = 1, session tx_isolation = 'REPEATABLE-READ', session tx_read_only = 0"},
	} {
		b, p := proxied(t, "", tt.cfg)
		b.db.SQL().SetMaxOpenConns(1)
		attempt := func() {
			t.Helper()
			if _, err := b.run(txctx.Options{ReadOnly: tt.readOnly}, func(ctx context.Context) error { return exec(ctx, `select 1`) }); err != nil {
				t.Error(err)
			}
		}
		outside := func() {
			t.Helper()
			if _, err := b.db.SQL().ExecContext(t.Context(), "do 1"); err != nil {
				t.Error(err)
			}
		}
		p.ResetCounts()
		attempt()
		attempt()
		outside()
		outside()
		attempt()
		want := []string{tt.set, "select 1", "COMMIT", "select 1", "COMMIT", tt.reset, "do 1", "do 1", tt.set, "select 1", "COMMIT"}
		if got := p.Queries(); !slices.Equal(got, want) || p.Flushes() != int64(len(want)) {
			t.Errorf("sent %q in %d round trips, want %q", got, p.Flushes(), want)
		}
	}
}

// TestStartTransaction: in so many words, for proxies that need to hear them.
func TestStartTransaction(t *testing.T) {
	b, p := proxied(t, "", mysqladapter.Config{StartTransaction: true, TxOptions: sql.TxOptions{Isolation: sql.LevelSerializable}})
	p.ResetCounts()
	if _, err := b.run(txctx.Options{ReadOnly: true}, func(ctx context.Context) error { return exec(ctx, `select 1`) }); err != nil {
		t.Error(err)
	}
	want := []string{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION READ ONLY", "select 1", "COMMIT"}
	if got := p.Queries(); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// TestReadOnlyRefusesWrites, as the program's own fault.
func TestReadOnlyRefusesWrites(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	runs, err := b.run(txctx.Options{ReadOnly: true}, effect)
	if runs != 1 || number(err) != 1792 {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if runs, err := b.run(txctx.Options{}, effect); runs != 1 || err != nil { // on the same connection
		t.Errorf("ran %d times, error %v", runs, err)
	}
	// Where the driver is to keep the reason to itself, it looks like a loss.
	b = bedOn(t, mariatest.Database(t, mariatest.Shared(t))+"&rejectReadOnly=true", mysqladapter.Config{})
	if runs, err := b.run(txctx.Options{ReadOnly: true, Retry: retryable.Policy{MaxRetries: 1}}, effect); runs != 2 || err == nil {
		t.Errorf("rejectReadOnly: ran %d times, error %v", runs, err)
	}
}

// TestIsolationReachesTheServer: in SERIALIZABLE reads lock, so two who read and then
// write deadlock instead of losing an update.
func TestIsolationReachesTheServer(t *testing.T) {
	b := newBed(t, mysqladapter.Config{TxOptions: sql.TxOptions{Isolation: sql.LevelSerializable}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := b.run(txctx.Options{Retry: retryable.Policy{MaxRetries: 50}}, func(ctx context.Context) error {
				n, err := query(ctx, `select n from counter where id = 1`)
				if err != nil {
					return err
				}
				return exec(ctx, `update counter set n = ? where id = 1`, n+1)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, err := b.number(`select n from counter where id = 1`); err != nil || n != 8 {
		t.Errorf("the counter is %d, error %v", n, err)
	}
}

// TestIsolationStaysWithItsTransaction: on the same connection the next one is as the
// server has it, whether the attempt committed or not.
//
// Mutation seen to fail it: set the session's level.
func TestIsolationStaysWithItsTransaction(t *testing.T) {
	b := newBed(t, mysqladapter.Config{TxOptions: sql.TxOptions{Isolation: sql.LevelSerializable}})
	ctx := t.Context()
	watcher, err := sql.Open("mysql", b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	b.db.SQL().SetMaxOpenConns(1)
	const read = `select n from counter where id = 1`
	locks := func() bool { // whether who has read it keeps others from writing
		_, err := watcher.ExecContext(ctx, nowait)
		if err != nil && number(err) != 1205 {
			t.Error(err)
		}
		return err != nil
	}
	for _, end := range []error{nil, errors.New("boom")} {
		_, err := b.run(txctx.Options{}, func(ctx context.Context) error {
			if _, err := query(ctx, read); err != nil {
				return err
			}
			if !locks() {
				t.Error("the attempt is not SERIALIZABLE")
			}
			return end
		})
		if !errors.Is(err, end) {
			t.Error(err)
		}
		tx := b.other()
		var n int
		if err := tx.QueryRow(read).Scan(&n); err != nil {
			t.Error(err)
		}
		if locks() {
			t.Error("the next transaction is SERIALIZABLE too")
		}
		_ = tx.Rollback()
	}
}
