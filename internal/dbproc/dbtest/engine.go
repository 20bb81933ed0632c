package dbtest

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"strings"
	"testing"
)

// Server is what the servers of all engines can do.
type Server interface {
	Databases
	Addr() string
	Exec(ctx context.Context, sql string, args ...any) error
	Run(ctx context.Context, program string, args ...string) error
	Kill() error
	StartAgain(ctx context.Context) error
	Close() error
}

// Engine says how the tests of this package deal with the servers of an engine.
// Its methods are those tests; they run in parallel with others.
type Engine[S Server] struct {
	// Shared and New return servers, as pgtest and mariatest do
	Shared, New func(testing.TB) S
	// Start starts a server with settings
	Start func(ctx context.Context, settings map[string]string) (S, error)
	// DSN is the connection string of the database that S.Exec uses
	DSN func(S) string
	// Open returns a pool, closed when the test ends
	Open func(tb testing.TB, dsn string) *sql.DB

	// Ends are the ways to end a server, besides S.Kill, that end sessions
	Ends map[string]func(S) error
	// Patient are those that wait for clients to leave
	Patient map[string]func(S) error

	// EndSessions and EndRandomSession end those in the given databases
	EndSessions      func(s S, ctx context.Context, databases ...string) (int, error)
	EndRandomSession func(s S, ctx context.Context, rnd *rand.Rand, databases ...string) (bool, error)
	// Ended says whether err is what a client hears whose session was ended
	Ended func(err error) bool

	// Loop and Sleep keep a session busy for more than a minute: by work, and by
	// waiting. Busy counts the sessions that are busy, but for the one that asks
	Loop, Sleep, Busy string
}

// ends returns all ways to end a server whose clients stay.
func (e Engine[S]) ends() map[string]func(S) error {
	all := map[string]func(S) error{"kill": S.Kill}
	for name, end := range e.Ends {
		all[name] = end
	}
	return all
}

// connect returns a session of its own, which ends when it is closed.
func (e Engine[S]) connect(t *testing.T, dsn string) *sql.Conn {
	t.Helper()
	db := e.Open(t, dsn)
	db.SetMaxIdleConns(-1)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) // a pool does not close what was taken from it
	return conn
}

// number returns what query does.
func number(t *testing.T, c *sql.Conn, query string) (n int64) {
	t.Helper()
	if err := c.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// databaseOf returns the name in a connection string of [Database].
func databaseOf(dsn string) string {
	name, _, _ := strings.Cut(dsn[strings.LastIndexByte(dsn, '/')+1:], "?")
	return name
}
