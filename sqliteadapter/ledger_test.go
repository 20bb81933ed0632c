package sqliteadapter_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/sqlfault"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

var withLedger = sqliteadapter.Config{Ledger: ledger.Config{Table: "ledger"}}

// TestAnotherWriterIsWaitedFor by who looks up an outcome, in short turns: meanwhile the
// attempt's own turn is over.
//
// Mutation seen to fail it: take a lock that was not granted for a failure of the ledger.
func TestAnotherWriterIsWaitedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	c, err := sqliteadapter.Connector(file)
	if err != nil {
		t.Fatal(err)
	}
	faults := sqlfault.New(c)
	db := sqliteadapter.New(faults, withLedger)
	prepare(t, db)
	if err := db.MigrateLedger(context.Background()); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", file+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lost := faults.LoseCommits(1, false)
	faults.Refuse(true) // new connections; the attempt gets the one that is there
	var wg sync.WaitGroup
	wg.Go(func() {
		for lost.Load() == 0 {
			time.Sleep(time.Millisecond) // polling
		}
		tx, err := other.Begin()
		if err != nil {
			t.Error(err)
		}
		time.AfterFunc(1500*time.Millisecond, func() { _ = tx.Rollback() }) // longer than a turn
		faults.Refuse(false)
	})
	start := time.Now()
	runs, err := run(db, quick(), count)
	if runs != 2 || err != nil || time.Since(start) < 1500*time.Millisecond {
		t.Errorf("ran %d times in %v, error %v", runs, time.Since(start), err)
	}
	wg.Wait()
	var n int
	if err := db.SQL().QueryRow(`select n from counter`).Scan(&n); err != nil || n != 1 {
		t.Errorf("counter %d, error %v", n, err)
	}
}

// TestALedgerInMemory has rows; its one connection does not wait for itself.
func TestALedgerInMemory(t *testing.T) {
	db, err := sqliteadapter.Open(":memory:", withLedger)
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, db)
	if err := db.MigrateLedger(context.Background()); err != nil {
		t.Fatal(err)
	}
	if runs, err := run(db, txctx.Options{}, count); runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	var n int
	if err := db.SQL().QueryRow(`select count(*) from ledger`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, error %v", n, err)
	}
	if n, err := db.PurgeLedger(context.Background()); n != 0 || err != nil {
		t.Errorf("%d deleted, error %v", n, err)
	}
}

// TestWithoutALedger the methods say so, and a bad one panics.
func TestWithoutALedger(t *testing.T) {
	db := open(t, "")
	_, purge := db.PurgeLedger(context.Background())
	for _, err := range []error{db.MigrateLedger(context.Background()), purge} {
		if err == nil || !strings.Contains(err.Error(), "there is no ledger") {
			t.Error(err)
		}
	}
	defer func() {
		if v := recover(); v != `sqliteadapter: New: Config.Ledger.Retention: 1s is less than 10m0s` {
			t.Errorf("panicked with %v", v)
		}
	}()
	_, _ = sqliteadapter.Open("x.db", sqliteadapter.Config{Ledger: ledger.Config{Table: "ledger", Retention: time.Second}})
}
