package provoked_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
)

// TestSQLiteLocks has somebody else hold what the attempt wants.
//
// Mutation seen to fail it: classify 517 as every BUSY; call every error of COMMIT unknown.
func TestSQLiteLocks(t *testing.T) { play(t, false, lite(liteOptions{}), liteLocks) }

// liteAtBegin is what comes of the lock that IMMEDIATE asks for.
var liteAtBegin = &verdict{code: "5", phase: retryable.Connect, reason: retryable.LockTimeout, kept: true}

const liteWhyAtBegin = "the row has a DEFERRED transaction in mind: an IMMEDIATE one has not begun"

var liteLocks = []liteScenario{
	{
		row: "sq-001", name: "BEGIN, another process writes beyond busy_timeout", gives: liteAtBegin, disputed: liteWhyAtBegin,
		text: "database is locked", before: liteHoldLock,
	},
	{
		row: "sq-001", name: "BEGIN, swallowed", gives: liteAtBegin, disputed: liteWhyAtBegin, swallow: true,
		text: "database is locked", before: liteHoldLock,
	},
	{
		row: "sq-001", name: "BEGIN, in every attempt", gives: liteAtBegin, disputed: liteWhyAtBegin, always: true,
		text: "database is locked", before: liteKeepLock, outer: liteGiveBack,
	},
	{
		row: "sq-001", name: "DEFERRED, at the first write", text: "database is locked",
		open: lite(liteOptions{side: "wal"}),
		provoke: func(a *liteAttempt) error {
			liteBeside(a, a.db.side, "begin immediate")
			return liteExec(`update side.counter set n = n + 1`)(a)
		},
	},
	{
		row: "sq-002", name: "two readers want to write", text: "database is locked",
		// Who waited for the other one would wait as long as that.
		open:    lite(liteOptions{side: "delete", params: "_pragma=busy_timeout(60000)"}),
		provoke: liteUpgrade,
	},
	{
		row: "sq-002", name: "swallowed", text: "database is locked", swallow: true,
		open:    lite(liteOptions{side: "delete", params: "_pragma=busy_timeout(60000)"}),
		provoke: liteUpgrade,
	},
	{
		row: "sq-003", name: "COMMIT, somebody reads", text: "database is locked",
		open: lite(liteOptions{params: "_journal=DELETE"}),
		provoke: func(a *liteAttempt) error {
			liteBeside(a, a.db.file, "begin", "select n from counter")
			return nil
		},
	},
	{
		row: "sq-005", name: "a stale snapshot", text: "database is locked",
		open:    lite(liteOptions{side: "wal"}),
		provoke: liteStale,
	},
	{
		row: "sq-005", name: "swallowed", text: "database is locked", swallow: true,
		open:    lite(liteOptions{side: "wal"}),
		provoke: liteStale,
	},
	{
		row: "sq-005", name: "in every attempt", text: "database is locked", always: true,
		open:    lite(liteOptions{side: "wal"}),
		provoke: liteStale,
	},
	{
		row: "sq-007", name: "DROP TABLE amid its rows", text: "database table is locked",
		provoke: func(a *liteAttempt) error {
			rows, err := sqliteadapter.Tx(a.ctx).QueryContext(a.ctx, `select n from counter`)
			if err != nil {
				return err
			}
			defer rows.Close()
			rows.Next()
			return liteExec(`drop table counter`)(a)
		},
	},
}

func liteHoldLock(a *liteAttempt) { liteBeside(a, a.db.file, "begin immediate") }

// liteKeepLock is liteHoldLock, and liteGiveBack its end, for all attempts.
func liteKeepLock(a *liteAttempt) {
	if a.number == 1 {
		conn := a.db.session(a.T, a.db.file)
		liteRun(a.T, conn, "begin immediate")
		release, _ := a.ctx.Value(liteGivenBack{}).(*func())
		*release = func() { liteRun(a.T, conn, "rollback") }
	}
}

type liteGivenBack struct{}

func liteGiveBack(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		release := func() {}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), liteGivenBack{}, &release)))
		release()
	})
}

// liteUpgrade has read what another reader is about to write: that one waits for the
// attempt to end, which must not wait for it.
func liteUpgrade(a *liteAttempt) error {
	if err := liteExec(`select n from side.counter`)(a); err != nil {
		return err
	}
	other := a.db.session(a.T, a.db.side)
	liteRun(a.T, other, "pragma busy_timeout=60000", "begin", "select n from counter", "update counter set n = n + 1")
	var wg sync.WaitGroup
	wg.Go(func() { liteRun(a.T, other, "commit") })
	a.after(wg.Wait)
	start := time.Now()
	err := liteExec(`update side.counter set n = n + 1`)(a)
	if waited := time.Since(start); waited > 30*time.Second {
		a.Errorf("waited for %v", waited)
	}
	return err
}

// liteStale has somebody write what the attempt has read.
func liteStale(a *liteAttempt) error {
	if err := liteExec(`select n from side.counter`)(a); err != nil {
		return err
	}
	liteRun(a.T, a.db.session(a.T, a.db.side), "update counter set n = n + 1")
	return liteExec(`update side.counter set n = n + 1`)(a)
}
