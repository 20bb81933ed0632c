package reprise_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestRule15_TheServersOwnWordsDecide: what a client is told after COMMIT was cut
// at every place, where nobody can look. A 200 is always in the database, once; a POST
// whose outcome nobody knows is told so, and not replayed.
//
// Mutations seen to fail it: replay on pgconn.SafeToRetry (pgx 5.12 says true for
// a COMMIT that was confirmed); treat every error of COMMIT as rolled back.
func TestRule15_TheServersOwnWordsDecide(t *testing.T) {
	rows := []struct {
		name    string
		rule    pgproxy.Rule
		method  string
		status  int
		problem string
		effects int
		runs    int
	}{
		{"the answer is swallowed", pgproxy.Rule{When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutClient}, "POST", 503, "outcome-unknown", 1, 1},
		{"the answer is swallowed, reset", pgproxy.Rule{When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutClient, How: pgproxy.RST}, "POST", 503, "outcome-unknown", 1, 1},
		{"COMMIT is dropped", pgproxy.Rule{When: pgproxy.SQL("commit"), Do: pgproxy.Drop, Then: pgproxy.CutBoth}, "POST", 503, "outcome-unknown", 0, 1},
		{"half of COMMIT arrives", pgproxy.Rule{When: pgproxy.SQL("commit"), Do: pgproxy.Truncate, Keep: 4, Then: pgproxy.CutBoth}, "POST", 503, "outcome-unknown", 0, 1},
		{"half of the answer arrives", pgproxy.Rule{When: pgproxy.Tag("COMMIT"), Do: pgproxy.Truncate, Keep: 7, Then: pgproxy.CutClient}, "POST", 503, "outcome-unknown", 1, 1},
		{"all but ReadyForQuery arrives", pgproxy.Rule{When: pgproxy.Tag("COMMIT"), Then: pgproxy.CutClient}, "POST", 200, "", 1, 1},
		{"a safe request is replayed", pgproxy.Rule{When: pgproxy.SQL("commit"), Do: pgproxy.Drop, Then: pgproxy.CutBoth}, "GET", 200, "", 1, 2},
		{"cut in the answer to BEGIN", pgproxy.Rule{When: pgproxy.Tag("BEGIN"), Do: pgproxy.Truncate, Keep: 4, Then: pgproxy.CutBoth}, "POST", 200, "", 1, 1},
		{"cut after the answer to BEGIN", pgproxy.Rule{When: pgproxy.Tag("BEGIN"), Then: pgproxy.CutBoth}, "POST", 200, "", 1, 2},
		{"cut before the statement's answer", pgproxy.Rule{When: pgproxy.Tag("INSERT"), Do: pgproxy.Drop, Then: pgproxy.CutBoth}, "POST", 200, "", 1, 2},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p, url := newProxy(t)
			a := newApp(t, options{url: url, pg: pgadapter.Config{NoVerdict: true}}, effectHandler)
			hit := p.Add(row.rule)
			got := a.do(row.method, "/", "")
			<-hit.Fired()
			if got.status != row.status || got.problem() != row.problem {
				t.Errorf("got %d %s, want %d %q\n%s", got.status, got.body, row.status, row.problem, a.logs)
			}
			if got.problem() == "outcome-unknown" && got.header.Get("Retry-After") != "" {
				t.Error("Retry-After on an unknown outcome")
			}
			eventually(t, "the effect", func() bool { return len(a.effects()) == row.effects })
			if n := a.attempts(); n != row.runs {
				t.Errorf("%d attempts, want %d", n, row.runs)
			}
		})
	}
}

// TestCutAtEveryByte, where nobody can look, cuts both sides after every single byte of a request's
// traffic, in either direction: a 200 has taken effect once, anything else at most
// once, and everything but a COMMIT in doubt is a 200.
func TestCutAtEveryByte(t *testing.T) {
	step := int64(1)
	if testing.Short() {
		step = 5
	}
	for _, tt := range []struct {
		name string
		dir  pgproxy.Dir
		db   func(t *testing.T, url string) txctx.DB
	}{
		{"up, pgx", pgproxy.Up, nil},
		{"down, pgx", pgproxy.Down, nil},
		{"up, stdlib", pgproxy.Up, viaFreshStdlib},
		{"down, stdlib", pgproxy.Down, viaFreshStdlib},
	} {
		dir := tt.dir
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, url := newProxy(t)
			a := newApp(t, options{url: url, db: tt.db, pg: pgadapter.Config{NoVerdict: true}, pool: func(c *pgxpool.Config) { c.MaxConns = 1 }}, effectHandler)
			unknown := 0
			for n := int64(0); ; n += step {
				a.pool.Reset()
				p.Clear()
				exec(t, url, `truncate effect`)
				hit := p.Add(pgproxy.Rule{When: pgproxy.Byte(dir, n), Do: pgproxy.Drop, Then: pgproxy.CutBoth})
				got := a.do("POST", "/", "")
				if hit.Count() == 0 { // past the end of the traffic
					hit.Remove()
					break
				}
				switch effects := len(a.effects()); {
				case got.status == 200 && effects == 1:
				case got.problem() == "outcome-unknown" && effects <= 1:
					unknown++
				default:
					t.Errorf("byte %d: %d %s, %d effects\n%s", n, got.status, got.body, effects, a.logs)
				}
			}
			if unknown == 0 {
				t.Error("no COMMIT was ever in doubt")
			}
			t.Logf("%d bytes, %d in doubt", p.Faults()*step, unknown)
		})
	}
}

// TestALostAnswerOverStdlib: pgx's stdlib calls the loss of a statement without
// arguments driver.ErrBadConn, for which database/sql runs statements again. Inside a
// transaction it runs once, and the request is replayed.
//
// Mutation seen to fail it: leave driver.ErrBadConn out of pgadapter.Classify.
func TestALostAnswerOverStdlib(t *testing.T) {
	p, url := newProxy(t)
	a := newApp(t, options{url: url, db: viaStdlib}, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return do(r.Context(), `insert into effect values ('r', 1)`)
	}))
	hit := p.Add(pgproxy.Rule{When: pgproxy.Tag("INSERT"), Do: pgproxy.Drop, Then: pgproxy.CutBoth})
	if got := a.do("POST", "/", ""); got.status != 200 || hit.Count() != 1 {
		t.Errorf("got %d %s, cut %d times\n%s", got.status, got.body, hit.Count(), a.logs)
	}
	if n := a.attempts(); n != 2 || len(a.effects()) != 1 {
		t.Errorf("%d attempts, effects %v", n, a.effects())
	}
}

// TestConflictAtCommit: an ERROR in answer to COMMIT is a definite rollback. A
// serialization failure is replayed, a deferred constraint is not.
func TestConflictAtCommit(t *testing.T) {
	url := newDatabase(t)
	exec(t, url, `create table once (n int unique deferrable initially deferred)`)
	a := newApp(t, options{url: url}, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if err := effect(r.Context()); err != nil {
			return err
		}
		_, err := pgadapter.Tx(r.Context()).Exec(r.Context(), `insert into once values (1)`)
		return err
	}))
	if got := a.do("POST", "/", ""); got.status != 200 {
		t.Fatalf("first: %d %s", got.status, got.body)
	}
	if got := a.do("POST", "/", ""); got.status != 500 || contains(got, "once") {
		t.Errorf("second: %d %s", got.status, got.body)
	}
	if n := a.attempts(); n != 2 {
		t.Errorf("%d attempts", n)
	}
	if diff := cmp.Diff([]int{1}, a.effects()); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}
