package provoked_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/retryable"
)

// Mutation seen to fail it: SafeToRetry is believed.
func TestPostgresCommit(t *testing.T) { play(t, true, proxied, pgCommit) }

// pgCommit: COMMIT whose answer does not arrive, or is not an answer.
var pgCommit = []pgScenario{
	{
		row: "pgx-028", name: "delivered, its answer lost", is: pgconn.ErrConnClosed, committed: true,
		provoke: atCommit(pgproxy.Rule{AwaitReply: true, Then: pgproxy.CutClient}),
	},
	{
		row: "pgx-028", name: "not delivered", is: pgconn.ErrConnClosed,
		provoke: atCommit(pgproxy.Rule{Do: pgproxy.Drop, Then: pgproxy.CutBoth}),
	},
	{
		row: "pgx-031", name: "delivered, reset, and pgx calls it safe to try again", text: "conn closed", committed: true,
		like:    pgconn.SafeToRetry, // but it is not
		provoke: atCommit(pgproxy.Rule{AwaitReply: true, Then: pgproxy.CutBoth, How: pgproxy.RST}),
	},
	{
		row: "pgx-028", name: "delivered, in a READ ONLY request, which is replayed", is: pgconn.ErrConnClosed,
		readOnly: true, attempts: 2, status: http.StatusOK,
		provoke: atCommit(pgproxy.Rule{AwaitReply: true, Then: pgproxy.CutClient}),
	},
	{
		row: "pg-093", name: "terminated during COMMIT", text: "administrator command",
		provoke: and(slowCommit, func(a *pgAttempt) error {
			whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() { terminate(a) })
			return nil
		}),
	},
}

func atCommit(r pgproxy.Rule) func(a *pgAttempt) error {
	return func(a *pgAttempt) error {
		r.When = pgproxy.SQL("commit")
		a.db.proxy.Add(r)
		return nil
	}
}

// TestPostgresSynchronousCommit has COMMIT wait for a standby that never comes. By
// then the transaction is committed: the wait is all that can be ended.
func TestPostgresSynchronousCommit(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t, pgserver.Config{Settings: map[string]string{"synchronous_standby_names": "nosuch"}})
	// All but the attempts do not wait.
	open := pg(pgOptions{
		server: func(*testing.T) *pgserver.Server { return server },
		params: "&synchronous_commit=on",
	})
	if err := server.Exec(t.Context(), `set synchronous_commit = off; alter role postgres set synchronous_commit = off`); err != nil {
		t.Fatal(err)
	}
	play(t, false, open, []pgScenario{
		{
			row: "pg-094", name: "terminated while COMMIT waits for a standby", is: pgconn.ErrConnClosed, committed: true,
			asWarning: true,
			provoke: func(a *pgAttempt) error {
				whenWaiting(a, a.session, `wait_event = 'SyncRep'`, func() { terminate(a) })
				return nil
			},
			heal: warned("57P01", "canceling the wait for synchronous replication"),
		},
		{
			gives: &verdict{phase: retryable.Commit, reason: retryable.CommitUnknown}, name: "COMMIT waits for a standby, longer than CommitTimeout", is: context.DeadlineExceeded, committed: true,
			policy: func(p *retryable.Policy) { p.CommitTimeout = 100 * time.Millisecond },
		},
	})
}

// warned checks that the server said why, as a warning: pgx shows it to OnNotice
// alone.
func warned(code, text string) func(t *testing.T, d *pgDB) {
	return func(t *testing.T, d *pgDB) {
		if !d.warned(code, text) {
			t.Errorf("no warning %s %q", code, text)
			for _, n := range d.notices {
				t.Log(n.Code, n.Message)
			}
		}
	}
}
