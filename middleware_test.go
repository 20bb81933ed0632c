package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// step is what a handler does in one attempt, after it has written its effect.
type step func(w http.ResponseWriter, r *http.Request) error

func ok(w http.ResponseWriter, r *http.Request) error { return nil }

// raise makes PostgreSQL fail with a code and returns the error.
func raise(code string) step {
	return func(w http.ResponseWriter, r *http.Request) error {
		return do(r.Context(), fmt.Sprintf(`do $$ begin raise exception 'secret text' using errcode = '%s'; end $$`, code))
	}
}

// lose makes PostgreSQL end the connection in the middle of a statement.
func lose(w http.ResponseWriter, r *http.Request) error {
	return do(r.Context(), `select pg_terminate_backend(pg_backend_pid())`)
}

func swallow(s step) step {
	return func(w http.ResponseWriter, r *http.Request) error {
		_ = s(w, r)
		return nil
	}
}

func panicking(s step) step {
	return func(w http.ResponseWriter, r *http.Request) error { panic(s(w, r)) }
}

func failing(err error) step {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

func status(code int) step {
	return func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(code); return nil }
}

func statement(sql string) step {
	return func(_ http.ResponseWriter, r *http.Request) error {
		return do(r.Context(), sql)
	}
}

func asking(f func(context.Context), s step) step {
	return func(w http.ResponseWriter, r *http.Request) error { f(r.Context()); return s(w, r) }
}

func times(n int, s step) []step {
	steps := make([]step, n)
	for i := range steps {
		steps[i] = s
	}
	return steps
}

// TestScripts runs requests whose attempts follow a script, and looks at what the
// client got and what the database kept.
//
// Mutations seen to fail it: make 5 attempts instead of 6; never roll back by
// status; let all attempts share one header map.
func TestScripts(t *testing.T) {
	plain := errors.New("no such luck")
	noTx := func(http.ResponseWriter, *http.Request) error { return nil }
	rows := []struct {
		name    string
		script  []step
		cfg     middleware.Config
		status  int
		problem string
		effects []int // attempts whose effects remain
		runs    int
		reason  retryable.Reason // of the first attempt
	}{
		{name: "commits", script: []step{ok}, status: 200, effects: []int{1}, runs: 1},
		{name: "serialization failure is replayed", script: []step{raise("40001"), ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Serialization},
		{name: "deadlock is replayed", script: []step{raise("40P01"), ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Deadlock},
		{name: "lost connection is replayed", script: []step{lose, ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Failover},
		{name: "five replays", script: append(times(5, raise("40001")), ok), status: 200, effects: []int{6}, runs: 6, reason: retryable.Serialization},
		{name: "the sixth error is shown", script: times(6, raise("40001")), status: 503, problem: "unavailable", runs: 6, reason: retryable.Serialization},
		{name: "the sixth loss is shown", script: times(6, lose), status: 503, problem: "unavailable", runs: 6, reason: retryable.Failover},
		{name: "no retries", cfg: middleware.Config{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}, script: []step{raise("40001")}, status: 503, problem: "unavailable", runs: 1, reason: retryable.Serialization},
		{name: "two replays", cfg: middleware.Config{Retry: retryable.Policy{MaxRetries: 2}}, script: times(3, raise("40001")), status: 503, problem: "unavailable", runs: 3, reason: retryable.Serialization},

		{name: "swallowed conflict", script: []step{swallow(raise("40001")), ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Serialization},
		{name: "swallowed loss", script: []step{swallow(lose), ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Failover},
		{name: "swallowed to the last", script: times(6, swallow(raise("40P01"))), status: 503, problem: "unavailable", runs: 6, reason: retryable.Deadlock},
		{name: "panic with a conflict", script: []step{panicking(raise("40001")), ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Serialization},
		{name: "panic with a conflict to the last", script: times(6, panicking(raise("40001"))), status: 503, problem: "unavailable", runs: 6, reason: retryable.Serialization},

		{name: "plain error", script: []step{failing(plain)}, status: 500, problem: "internal-error", runs: 1},
		{name: "marked error", script: []step{failing(retryable.Mark(plain)), ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Requested},
		{name: "the sentinel itself", script: []step{failing(retryable.ErrRetry), ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Requested},
		{name: "statement error", script: []step{raise("22012")}, status: 500, problem: "internal-error", runs: 1},
		{name: "swallowed statement error", script: []step{swallow(raise("22012"))}, status: 500, problem: "internal-error", runs: 1},
		{name: "unique violation", script: []step{raise("23505")}, status: 500, problem: "internal-error", runs: 1},

		{name: "404 rolls back", script: []step{status(404)}, status: 404, runs: 1},
		{name: "303 commits", script: []step{status(303)}, status: 303, effects: []int{1}, runs: 1},
		{name: "Rollback keeps the answer", script: []step{asking(txctx.Rollback, status(200))}, status: 200, runs: 1},
		{name: "Commit keeps the effects", script: []step{asking(txctx.Commit, status(401))}, status: 401, effects: []int{1}, runs: 1},
		{name: "Commit does not save a doomed attempt", script: []step{asking(txctx.Commit, raise("40001")), ok}, status: 200, effects: []int{2}, runs: 2, reason: retryable.Serialization},

		{name: "COMMIT as text", script: []step{statement("commit")}, status: 500, problem: "internal-error", effects: []int{1}, runs: 1},
		{name: "COMMIT as text, swallowed", script: []step{swallow(statement("commit"))}, status: 500, problem: "internal-error", effects: []int{1}, runs: 1},
		{name: "ROLLBACK as text", script: []step{statement("rollback")}, status: 500, problem: "internal-error", runs: 1},
		{name: "fenced", script: []step{asking(func(ctx context.Context) { txctx.DisableReplay(ctx, "mail sent") }, raise("40001"))}, status: 503, problem: "unavailable", runs: 1, reason: retryable.Serialization},
		{name: "no statement at all", script: []step{noTx}, status: 200, effects: []int{1}, runs: 1},
	}
	forStacks(t, func(t *testing.T, stack options) {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				runs := 0
				h := middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
					runs++
					n := txctx.AttemptOf(r.Context()).Number
					if n != runs {
						t.Errorf("run %d says it is attempt %d", runs, n)
					}
					w.Header().Add("Set-Cookie", fmt.Sprintf("attempt=%d", n))
					if err := effect(r.Context()); err != nil {
						return err
					}
					if err := row.script[n-1](w, r); err != nil {
						return err
					}
					fmt.Fprintf(w, "attempt %d", n)
					return nil
				})
				o := stack
				o.cfg = row.cfg
				a := newApp(t, o, h)
				got := a.do("POST", "/api/things/7", "x")
				if got.status != row.status || got.problem() != row.problem {
					t.Errorf("got %d %q (%s), want %d %q\n%s", got.status, got.problem(), got.body, row.status, row.problem, a.logs)
				}
				if runs != row.runs || a.attempts() != runs {
					t.Errorf("the handler ran %d times, %d attempts were observed, want %d", runs, a.attempts(), row.runs)
				}
				if stack.db != nil && strings.HasPrefix(row.name, "COMMIT as text") {
					row.effects = nil // the wrapper reads the statement and refuses it
				}
				if diff := cmp.Diff(row.effects, a.effects()); diff != "" && len(row.effects)+len(a.effects()) > 0 {
					t.Errorf("effects (-want +got):\n%s", diff)
				}
				if ev := a.ended(); len(ev) > 0 && ev[0].Reason != row.reason {
					t.Errorf("reason %v, want %v", ev[0].Reason, row.reason)
				}
				checkAnswer(t, got, runs)
			})
		}
	})
}

// checkAnswer looks for what must never leave: traces of discarded attempts and
// texts of the database.
func checkAnswer(t *testing.T, got answer, runs int) {
	t.Helper()
	for _, secret := range []string{"secret text", "SQLSTATE", "luck"} {
		if contains(got, secret) {
			t.Errorf("the answer holds %q: %s", secret, got.body)
		}
	}
	cookies := got.header.Values("Set-Cookie")
	if got.problem() != "" && len(cookies) > 0 {
		t.Errorf("the answer to a failed request has cookies of an attempt: %v", cookies)
	}
	if got.problem() == "" && (len(cookies) != 1 || cookies[0] != fmt.Sprintf("attempt=%d", runs)) {
		t.Errorf("cookies %v, want the last attempt's alone", cookies)
	}
	if retry := got.header.Get("Retry-After"); (retry != "") != (got.problem() == "unavailable") {
		t.Errorf("Retry-After %q with problem %q", retry, got.problem())
	}
}
