package provoked_test

import (
	"net/http"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
)

// TestSQLiteLosses closes connections under the adapter, which SQLite never does. The
// rows are database/sql's own, for drivers that say no more.
//
// Mutation seen to fail it: no CommitUnknown for driver.ErrBadConn at COMMIT.
func TestSQLiteLosses(t *testing.T) { play(t, false, lite(liteOptions{}), liteLosses) }

const liteBadConn = "driver: bad connection"

var liteCutOff = &verdict{phase: retryable.Statement, reason: retryable.Disconnected}

var liteLosses = []liteScenario{
	{
		row: "dsq-002", name: "no connection can be opened", text: liteBadConn,
		before: func(a *liteAttempt) {
			a.db.faults.Refuse(true)
			a.db.faults.CutAll()
		},
		heal: func(_ *testing.T, d *liteDB) { d.faults.Refuse(false) },
	},
	{
		row: "dsq-002", name: "cut in the pool", text: liteBadConn, spared: true, unasked: true,
		before: func(a *liteAttempt) { a.db.faults.CutAll() },
	},
	{
		name: "cut before a statement", gives: liteCutOff, text: liteBadConn,
		provoke: liteCutBefore(liteExec(`update counter set n = n + 1`)),
	},
	{
		name: "cut before a statement, swallowed", gives: liteCutOff, text: liteBadConn, swallow: true,
		provoke: liteCutBefore(liteExec(`update counter set n = n + 1`)),
	},
	{
		name: "cut amid rows", gives: liteCutOff, text: liteBadConn,
		provoke: func(a *liteAttempt) error {
			rows, err := sqliteadapter.Tx(a.ctx).QueryContext(a.ctx, `select n from counter`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				a.db.faults.CutAll()
			}
			return rows.Err()
		},
	},
	{
		name: "cut before COMMIT, which is not sent", unasked: true, text: "lost before COMMIT was sent",
		gives:   &verdict{phase: retryable.Commit, reason: retryable.Disconnected},
		provoke: liteCutBefore(func(*liteAttempt) error { return nil }),
	},
	{
		row: "dsq-003", name: "COMMIT lost, and done", text: liteBadConn, committed: true,
		provoke: liteLoseCommit(true),
	},
	{
		row: "dsq-003", name: "COMMIT lost, and not done", text: liteBadConn,
		provoke: liteLoseCommit(false),
	},
	{
		row: "dsq-003", name: "COMMIT lost of a safe request", text: liteBadConn, readOnly: true,
		attempts: 2, status: http.StatusOK,
		provoke: liteLoseCommit(true),
	},
}

func liteCutBefore(do func(a *liteAttempt) error) func(a *liteAttempt) error {
	return func(a *liteAttempt) error {
		a.db.faults.CutAll()
		return do(a)
	}
}

func liteLoseCommit(delivered bool) func(a *liteAttempt) error {
	return func(a *liteAttempt) error {
		lost := a.db.faults.LoseCommits(1, delivered)
		a.after(func() {
			if n := lost.Load(); n != 1 {
				a.Errorf("%d COMMITs lost", n)
			}
		})
		return nil
	}
}
