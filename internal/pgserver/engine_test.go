package pgserver_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

var engine = dbtest.Engine[*pgserver.Server]{
	Shared: pgtest.Shared,
	New:    func(tb testing.TB) *pgserver.Server { tb.Helper(); return pgtest.New(tb, pgserver.Config{}) },
	Start: func(ctx context.Context, settings map[string]string) (*pgserver.Server, error) {
		return pgserver.Start(ctx, pgserver.Config{Settings: settings})
	},
	DSN:  (*pgserver.Server).URL,
	Open: open,
	Ends: map[string]func(*pgserver.Server) error{
		"fast":      func(s *pgserver.Server) error { return s.Stop(pgserver.Fast) },
		"immediate": func(s *pgserver.Server) error { return s.Stop(pgserver.Immediate) },
	},
	Patient: map[string]func(*pgserver.Server) error{
		"smart": func(s *pgserver.Server) error { return s.Stop(pgserver.Smart) },
	},
	EndSessions:      (*pgserver.Server).TerminateBackends,
	EndRandomSession: (*pgserver.Server).TerminateRandomBackend,
	Ended: func(err error) bool {
		pgErr, ok := errors.AsType[*pgconn.PgError](err)
		return ok && pgErr.Code == "57P01"
	},
	Loop:  "do $$ begin loop end loop; end $$",
	Sleep: "select pg_sleep(600)",
	Busy: `select count(*) from pg_stat_activity
		where state = 'active' and pid <> pg_backend_pid() and backend_type = 'client backend'`,
}

func TestEndsWithBusySessions(t *testing.T) { engine.EndsWithBusySessions(t) }
func TestTerminate(t *testing.T)            { engine.EndsSessions(t) }
func TestFailureShowsTheLog(t *testing.T)   { engine.FailureShowsTheLog(t) }
func TestDatabasesAreApart(t *testing.T)    { engine.DatabasesAreApart(t) }
func TestDatabaseIsDropped(t *testing.T)    { engine.DatabaseIsDropped(t) }
func TestDatabasesAreDropped(t *testing.T)  { engine.DatabasesAreDropped(t) }

func open(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}
