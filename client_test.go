package reprise_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// leave sends a request and takes the client away as soon as the handler says so
// and the server runs the statement, if any.
func (a *app) leave(reached <-chan struct{}, statement string) {
	a.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", a.srv.URL+"/", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := a.srv.Client().Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	<-reached
	if statement != "" { // pgx's cancel request must not come before its statement
		eventually(a.t, "the statement runs", func() (running bool) {
			err := a.pool.QueryRow(context.Background(),
				`select exists (select from pg_stat_activity where query = $1 and state = 'active')`, statement).Scan(&running)
			return err == nil && running
		})
	}
	cancel()
	<-done
}

// TestRule14_AClientThatLeavesCostsNoConnection, unless it leaves during a
// statement: then that connection.
//
// Mutation seen to fail it: roll back under the request's own context.
func TestRule14_AClientThatLeavesCostsNoConnection(t *testing.T) {
	const sleeping = `select pg_sleep(60) /* TestRule14 */`
	rows := []struct {
		name    string
		handler func(ctx context.Context, reached func()) error
		lost    int64 // connections
		during  string
	}{
		{"between two statements", func(ctx context.Context, reached func()) error {
			reached()
			<-ctx.Done()
			_, err := pgadapter.Tx(ctx).Exec(ctx, `select 1`)
			return err
		}, 0, ""},
		{"before ROLLBACK", func(ctx context.Context, reached func()) error {
			reached()
			<-ctx.Done()
			return context.Cause(ctx)
		}, 0, ""},
		{"before COMMIT", func(ctx context.Context, reached func()) error {
			reached()
			<-ctx.Done()
			return nil
		}, 0, ""},
		{"before the replay of a conflict", func(ctx context.Context, reached func()) error {
			reached()
			<-ctx.Done()
			return retryable.ErrRetry
		}, 0, ""},
		{"during a statement", func(ctx context.Context, reached func()) error {
			reached()
			_, err := pgadapter.Tx(ctx).Exec(ctx, sleeping)
			return err
		}, 1, sleeping},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			reached := make(chan struct{}, 1)
			finished := make(chan txctx.Event, 1)
			a := newApp(t, options{cfg: middleware.Config{Observe: func(_ context.Context, ev txctx.Event) {
				if ev.Kind == txctx.RequestFinished {
					finished <- ev
				}
			}}}, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				if err := effect(r.Context()); err != nil {
					return err
				}
				return row.handler(r.Context(), func() { reached <- struct{}{} })
			}))
			const leavers = 5
			before := a.pool.Stat().NewConnsCount()
			for range leavers {
				a.leave(reached, row.during)
				ev := <-finished
				if ev.Attempt != 1 || ev.Outcome != txctx.RolledBack {
					t.Errorf("%d attempts, %v, %v", ev.Attempt, ev.Outcome, ev.Err)
				}
			}
			a.checkPoolClean()
			if n := a.pool.Stat().NewConnsCount() - before; n > 1+row.lost*leavers {
				t.Errorf("%d connections were made for %d requests", n, leavers)
			}
			if got := a.effects(); len(got) != 0 {
				t.Errorf("effects %v", got)
			}
		})
	}
}
