package welcome_test

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	welcome "github.com/reprise-go/reprise/example/ecosystem/river"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

//go:embed schema.sql
var schema string

var quiet = slog.New(slog.DiscardHandler)

// newDatabase returns a database with River's tables and those of the recipe.
func newDatabase(t *testing.T) (url string, pool *pgxpool.Pool) {
	t.Helper()
	url = pgtest.Database(t, pgtest.Shared(t))
	pool = pgtest.Pool(t, url, nil)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	return url, pool
}

func number(t *testing.T, pool *pgxpool.Pool, query string, args ...any) (n int) {
	t.Helper()
	if err := pool.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// serve sends one request through the middleware to h.
func serve(t *testing.T, db txctx.DB, h http.Handler) (status int, body string) {
	t.Helper()
	server := httptest.NewServer(middleware.New(db, middleware.Config{Logger: quiet})(h))
	defer server.Close()
	res, err := http.Post(server.URL, "application/x-www-form-urlencoded", strings.NewReader("owner=ada"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestInsertTx: a job is there exactly if its request was committed: one although the
// first attempt has inserted one, too, and its connection was lost; none where the
// request is rolled back.
//
// Mutation seen to fail it, with either driver: insert with client.Insert.
func TestInsertTx(t *testing.T) {
	for _, test := range []struct {
		name     string
		rollBack bool
		jobs     int
	}{
		{"committed", false, 1},
		{"rolled back", true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Run("pgx", func(t *testing.T) {
				_, pool := newDatabase(t)
				client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: quiet})
				if err != nil {
					t.Fatal(err)
				}
				checkInsert(t, pool, pgadapter.New(pool, pgadapter.Config{}), test.rollBack, test.jobs, welcome.Open(client),
					func(ctx context.Context) error {
						_, err := pgadapter.Tx(ctx).Exec(ctx, `select pg_terminate_backend(pg_backend_pid())`)
						return err
					})
			})
			t.Run("database/sql", func(t *testing.T) {
				url, pool := newDatabase(t)
				cfg, err := pgx.ParseConfig(url)
				if err != nil {
					t.Fatal(err)
				}
				db := sqladapter.New(stdlib.GetConnector(*cfg), sqladapter.Config{Classify: pgadapter.Classify})
				defer db.Close()
				client, err := river.NewClient(riverdatabasesql.New(db.SQL()), &river.Config{Logger: quiet})
				if err != nil {
					t.Fatal(err)
				}
				checkInsert(t, pool, db, test.rollBack, test.jobs, openSQL(client), func(ctx context.Context) error {
					_, err := sqladapter.Tx(ctx).ExecContext(ctx, `select pg_terminate_backend(pg_backend_pid())`)
					return err
				})
			})
		})
	}
}

// openSQL is welcome.Open with database/sql.
func openSQL(client *river.Client[*sql.Tx]) middleware.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		job, err := client.InsertTx(r.Context(), sqladapter.Tx(r.Context()), welcome.Welcome{Account: 1}, nil)
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, job.Job.ID)
		return nil
	}
}

func checkInsert(t *testing.T, pool *pgxpool.Pool, db txctx.DB, rollBack bool, jobs int, open http.Handler, lose func(context.Context) error) {
	t.Helper()
	attempts := 0
	got, body := serve(t, db, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		attempts++
		open.ServeHTTP(w, r)
		if attempts == 1 {
			return lose(r.Context())
		}
		if rollBack {
			txctx.Rollback(r.Context())
		}
		return nil
	}))
	if got != http.StatusAccepted || attempts != 2 {
		t.Errorf("answered %d %s after %d attempts", got, body, attempts)
	}
	if n := number(t, pool, `select count(*) from river_job where kind = 'welcome' and state = 'available'`); n != jobs {
		t.Errorf("%d jobs, want %d", n, jobs)
	}
	if n := number(t, pool, `select count(*) from river_job where id::text = $1`, body); n != jobs {
		t.Errorf("the job of the answer, %s, is there %d times", body, n)
	}
}

// TestWork: what goes wrong in the middle of a job is replayed, and neither River nor the
// effect see more than one.
//
// Mutation seen to fail it: no replays.
func TestWork(t *testing.T) {
	for name, fault := range map[string]pgproxy.Rule{
		"connection lost":              {When: pgproxy.SQLFunc(isWelcome), Then: pgproxy.CutBoth},
		"connection lost after effect": {When: pgproxy.SQLFunc(isWelcome), AwaitReply: true, Then: pgproxy.CutBoth},
		"COMMIT lost":                  {When: pgproxy.SQL("commit"), Do: pgproxy.Drop, Then: pgproxy.CutBoth},
		"answer to COMMIT lost":        {When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutBoth},
	} {
		t.Run(name, func(t *testing.T) {
			url, pool := newDatabase(t)
			p, err := pgproxy.New(pgtest.Shared(t).Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			hit := p.Add(fault)
			workers := river.NewWorkers()
			river.AddWorker(workers, &welcome.Worker{DB: pgadapter.New(pgtest.Pool(t, pgserver.Via(url, p.Addr()), nil), pgadapter.Config{})})
			client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
				Logger: quiet, Workers: workers,
				Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2}},
			})
			if err != nil {
				t.Fatal(err)
			}
			told, unsubscribe := client.Subscribe(river.EventKindJobCompleted, river.EventKindJobFailed)
			defer unsubscribe()
			if err := client.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := client.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			}()
			status, _ := serve(t, pgadapter.New(pool, pgadapter.Config{}), welcome.Open(client))
			if status != http.StatusAccepted {
				t.Fatalf("answered %d", status)
			}
			ev := <-told
			if ev.Kind != river.EventKindJobCompleted || ev.Job.Attempt != 1 || len(ev.Job.Errors) > 0 {
				t.Errorf("River says %s after attempt %d, errors %v", ev.Kind, ev.Job.Attempt, ev.Job.Errors)
			}
			if n := number(t, pool, `select count(*) from welcome w join account a on a.id = w.account_id`); n != 1 || hit.Count() != 1 {
				t.Errorf("%d welcomes after %d faults", n, hit.Count())
			}
		})
	}
}

func isWelcome(sql string) bool { return strings.Contains(sql, "insert into welcome") }
