package sqliteadapter_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestACrowdOfWritersQueues: read, think, write, by 32 at once, and nobody sees
// SQLITE_BUSY or needs a second attempt.
//
// Mutation seen to fail it: no queue, and busy_timeout 0.
func TestACrowdOfWritersQueues(t *testing.T) {
	db := open(t, "?_pragma=busy_timeout(0)")
	const clients, each = 32, 5
	warmUp(t, db, clients)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				runs, err := run(db, txctx.Options{}, count)
				if runs != 1 || err != nil {
					t.Errorf("ran %d times, error %v", runs, err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	if err := db.SQL().QueryRow(`select n from counter`).Scan(&n); err != nil || n != clients*each {
		t.Errorf("the counter is %d, want %d, error %v", n, clients*each, err)
	}
}

// warmUp opens n connections and leaves them idle: opening one looks at the file, and
// may find it locked.
func warmUp(t *testing.T, db *sqliteadapter.DB, n int) {
	t.Helper()
	db.SQL().SetMaxIdleConns(n)
	conns := make([]*sql.Conn, n)
	for i := range conns {
		c, err := db.SQL().Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c
	}
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// queueIsFree checks that a writer does not wait for one that has long gone. Where
// busy_timeout is 0 it is not SQLite that waits.
func queueIsFree(t *testing.T, db *sqliteadapter.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	tx, err := db.SQL().BeginTx(ctx, nil)
	if err != nil {
		t.Errorf("the queue of writers is stuck: %v", err)
		return
	}
	_ = tx.Rollback()
}
