package reprise_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// traced is an app whose COMMITs are looked up, on a server of its own.
type traced struct {
	*app
	p      *pgproxy.Proxy
	server *pgserver.Server
	xid    atomic.Int64 // of the last transaction
	pid    atomic.Int64 // its backend
}

func newTraced(t *testing.T, o options) *traced {
	t.Helper()
	// What was not committed leaves no trace in the log for a crash to find.
	w := &traced{server: pgtest.New(t, pgserver.Config{Settings: map[string]string{"wal_writer_delay": "10s"}})}
	exec(t, w.server.URL(), schema)
	var err error
	if w.p, err = pgproxy.New(w.server.Addr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.p.Close)
	w.p.DropCancels(true) // one would end a wait for a standby, and pgx sends them
	o.url = w.server.URLVia(w.p.Addr())
	o.cfg.Retry.CommitTimeout = 30 * time.Second // the test cuts
	w.app = newApp(t, o, middleware.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) error {
		if err := effect(r.Context()); err != nil {
			return err
		}
		var xid, pid int64
		err := pgadapter.Tx(r.Context()).QueryRow(r.Context(), `select pg_current_xact_id_if_assigned()::text::bigint, pg_backend_pid()`).Scan(&xid, &pid)
		w.xid.Store(xid)
		w.pid.Store(pid)
		return err
	}))
	return w
}

// lose sends a POST whose COMMIT meets rule, does something about it, and cuts all
// connections.
func (w *traced) lose(rule pgproxy.Rule, meanwhile func()) answer {
	w.t.Helper()
	hit := w.p.Add(onCommit(rule))
	answers := make(chan answer, 1)
	go func() {
		got, err := w.try("POST", "/", "")
		if err != nil {
			w.t.Error(err)
		}
		answers <- got
	}()
	<-hit.Fired()
	meanwhile()
	w.p.CutAll(pgproxy.RST)
	return <-answers
}

// reuse commits transactions until the number of the lost one is another's, and is said
// to be committed.
func (w *traced) reuse() {
	w.t.Helper()
	eventually(w.t, "the server is back", func() bool { return w.server.Exec(context.Background(), "select 1") == nil })
	conn, err := pgx.Connect(context.Background(), w.server.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for range 100 {
		var now int64
		if err := conn.QueryRow(context.Background(), `select pg_current_xact_id()::text::bigint`).Scan(&now); err != nil {
			w.t.Fatal(err)
		}
		if now >= w.xid.Load() {
			break
		}
	}
	var status string
	if err := conn.QueryRow(context.Background(), `select pg_xact_status($1::text::xid8)`, strconv.FormatInt(w.xid.Load(), 10)).Scan(&status); err != nil || status != "committed" {
		w.t.Fatalf("the trap is not set: %s %v", status, err)
	}
}

func (w *traced) wantUnknown(got answer) {
	w.t.Helper()
	if got.status != 503 || got.problem() != "outcome-unknown" || got.header.Get("Retry-After") != "" || w.attempts() != 1 {
		w.t.Errorf("%d %s, %d attempts\n%s", got.status, got.body, w.attempts(), w.logs)
	}
}

var never = pgproxy.Rule{Do: pgproxy.Drop, Then: pgproxy.BlackHole}

// TestANumberIsUsedAgain: after a crash PostgreSQL gives the number of a transaction that
// was lost to another, and says "committed" of it. That is believed nowhere.
//
// Mutation seen to fail it: leave the token out of ask.
func TestANumberIsUsedAgain(t *testing.T) {
	for name, crash := range map[string]func(w *traced) error{
		"the server is killed": func(w *traced) error {
			if err := w.server.Kill(); err != nil {
				return err
			}
			return w.server.StartAgain(context.Background())
		},
		"the server is stopped at once": func(w *traced) error { return w.server.Restart(context.Background(), pgserver.Immediate) },
		"its backend is killed": func(w *traced) error { // the start of the postmaster stays
			const query = "select pg_postmaster_start_time()::text"
			witness, err := pgx.Connect(context.Background(), w.server.URL())
			if err != nil {
				return err
			}
			defer witness.Close(context.Background())
			var started, since string
			if err := witness.QueryRow(context.Background(), query).Scan(&started); err != nil {
				return err
			}
			p, err := os.FindProcess(int(w.pid.Load()))
			if err != nil {
				return err
			}
			if err := p.Kill(); err != nil {
				return err
			}
			eventually(w.t, "all sessions have ended", func() bool { return witness.Ping(context.Background()) != nil })
			eventually(w.t, "it has begun anew", func() bool {
				conn, err := pgx.Connect(context.Background(), w.server.URL())
				if err != nil {
					return false
				}
				defer conn.Close(context.Background())
				return conn.QueryRow(context.Background(), query).Scan(&since) == nil
			})
			if since != started {
				w.t.Error("the postmaster was started anew, too")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTraced(t, options{pool: func(c *pgxpool.Config) { c.MaxConns = 4 }})
			got := w.lose(never, func() {
				if err := crash(w); err != nil {
					t.Error(err)
				}
				w.reuse()
			})
			w.wantUnknown(got)
			if n := len(w.effects()); n != 0 {
				t.Errorf("%d effects", n)
			}
		})
	}
}

// TestTheTokenMayOnlyDoubt: statistics that somebody has reset, and a server that was
// restarted in good order, cost the certainty and nothing else.
func TestTheTokenMayOnlyDoubt(t *testing.T) {
	for name, what := range map[string]func(w *traced) error{
		"statistics are reset": func(w *traced) error {
			return w.server.Exec(context.Background(), "select pg_stat_reset_shared('bgwriter')")
		},
		"a restart": func(w *traced) error { return w.server.Restart(context.Background(), pgserver.Fast) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTraced(t, options{})
			hit := w.p.Add(pgproxy.Rule{When: pgproxy.Tag("COMMIT"), Do: pgproxy.Drop, Then: pgproxy.BlackHole})
			answers := make(chan answer, 1)
			go func() { got, _ := w.try("POST", "/", ""); answers <- got }()
			<-hit.Done()
			if err := what(w); err != nil {
				t.Error(err)
			}
			w.p.CutAll(pgproxy.RST)
			w.wantUnknown(<-answers)
			eventually(t, "the effect", func() bool { return len(w.effects()) == 1 })
		})
	}
}

// TestAStandbyIsNotAsked: what it does not know yet may be committed. When it is promoted
// it cannot tell, either.
//
// Mutation seen to fail it: leave pg_is_in_recovery out of ask.
func TestAStandbyIsNotAsked(t *testing.T) {
	for _, promoted := range []bool{false, true} {
		t.Run(fmt.Sprintf("promoted: %v", promoted), func(t *testing.T) {
			t.Parallel()
			w := newTraced(t, options{cfg: middleware.Config{Retry: retryable.Policy{ResolveFor: 500 * time.Millisecond}}})
			standby, err := w.server.Standby(context.Background(), pgserver.Config{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = standby.Close() })
			got := w.lose(never, func() {
				w.p.SetUpstream(standby.Addr())
				if promoted {
					if err := standby.Promote(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
			w.wantUnknown(got)
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, ev := range w.events {
				if ev.Kind == txctx.OutcomeLookedUp && !promoted && (ev.Err == nil || !contains(answer{body: ev.Err.Error()}, "takes no writes")) {
					t.Errorf("looked up: %v", ev.Err)
				}
			}
		})
	}
}

// TestNoGrantIsNeeded to look, nor to end what must be ended.
func TestNoGrantIsNeeded(t *testing.T) {
	for name, rule := range map[string]pgproxy.Rule{
		"delivered": {AwaitReply: true, Then: pgproxy.BlackHole},
		"held back": never,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.New(t, pgserver.Config{})
			exec(t, server.URL(), schema+`; create role plain login; grant all on effect to plain`)
			p, err := pgproxy.New(server.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			p.DropCancels(true)
			a := newApp(t, options{
				url: server.URLVia(p.Addr()), pool: func(c *pgxpool.Config) { c.ConnConfig.User = "plain" },
				cfg: middleware.Config{Retry: retryable.Policy{CommitTimeout: 100 * time.Millisecond}},
			}, effectHandler)
			hit := p.Add(onCommit(rule))
			got := a.do("POST", "/", "")
			if got.status != 200 || hit.Count() != 1 || len(a.effects()) != 1 {
				t.Errorf("%d %s, effects %v\n%s", got.status, got.body, a.effects(), a.logs)
			}
			p.CutAll(pgproxy.RST)
		})
	}
}

// TestWhateverWasDoneIsFoundOut: what takes no number by itself, or comes without a
// question, is asked for before COMMIT.
//
// Mutation seen to fail it: no learnLate.
func TestWhateverWasDoneIsFoundOut(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context, tx pgx.Tx) error{
		"DDL": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `create table made (n int)`)
			return err
		},
		"NOTIFY": func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, `notify x`); return err },
		"SET and more": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `set transaction isolation level serializable; insert into effect values ('r', 1)`)
			return err
		},
		"CopyFrom": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.CopyFrom(ctx, pgx.Identifier{"effect"}, []string{"attempt"}, pgx.CopyFromRows([][]any{{1}}))
			return err
		},
		"large objects": func(ctx context.Context, tx pgx.Tx) error {
			lo := tx.LargeObjects()
			_, err := lo.Create(ctx, 0)
			return err
		},
		"Conn": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Conn().Exec(ctx, `insert into effect values ('r', 1)`)
			return err
		},
		"a savepoint": func(ctx context.Context, tx pgx.Tx) error {
			return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return effect(pgadapter.WithTx(ctx, tx)) })
		},
		"a batch left open": func(ctx context.Context, tx pgx.Tx) error {
			b := new(pgx.Batch)
			b.Queue(`select 1`)
			b.Queue(`insert into effect values ('r', 1)`)
			tx.SendBatch(ctx, b)
			return nil
		},
		"rows left open": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Query(ctx, `insert into effect values ('r', 1), ('r', 2) returning *`)
			return err
		},
		"a read before, and an option": func(ctx context.Context, tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, `select 1`).Scan(new(int)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `insert into effect values ('r', $1)`, pgx.QueryExecModeExec, 1)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p := newTraceApp(t, options{}, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				return do(r.Context(), pgadapter.Tx(r.Context()))
			}))
			hit := p.Add(onCommit(pgproxy.Rule{AwaitReply: true, Then: pgproxy.CutClient}))
			got := a.do("POST", "/", "")
			if got.status != 200 || hit.Count() != 1 || a.attempts() != 1 {
				t.Errorf("%d %s, %d attempts\n%s", got.status, got.body, a.attempts(), a.logs)
			}
		})
	}
}

// TestACommitUnderWayIsLeftAlone, however long it takes.
//
// Mutation seen to fail it: end the session whatever its state.
func TestACommitUnderWayIsLeftAlone(t *testing.T) {
	a, p := newTraceApp(t, options{cfg: middleware.Config{Retry: retryable.Policy{CommitTimeout: 100 * time.Millisecond}}}, effectHandler)
	p.DropCancels(true)
	exec(t, a.pool.Config().ConnString(), `
		create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return new; end $$;
		create constraint trigger linger after insert on effect deferrable initially deferred
			for each row execute function linger()`)
	hit := p.Add(onCommit(pgproxy.Rule{Then: pgproxy.CutClient, KeepServer: true}))
	got := a.do("POST", "/", "")
	if got.status != 200 || hit.Count() != 1 || a.attempts() != 1 || len(a.effects()) != 1 {
		t.Errorf("%d %s, %d attempts, effects %v\n%s", got.status, got.body, a.attempts(), a.effects(), a.logs)
	}
	p.CutAll(pgproxy.RST)
}
