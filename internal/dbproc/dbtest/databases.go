package dbtest

import (
	"database/sql"
	"testing"
)

// DatabasesAreApart has two with a table of the same name.
func (e Engine[S]) DatabasesAreApart(t *testing.T) {
	t.Parallel()
	s := e.Shared(t)
	a, b := Database(t, s), Database(t, s)
	if a == b {
		t.Fatalf("the same database twice: %s", a)
	}
	for _, dsn := range []string{a, b} {
		if _, err := e.connect(t, dsn).ExecContext(t.Context(), "create table only_mine (x int)"); err != nil {
			t.Fatal(err)
		}
	}
}

// DatabaseIsDropped at the end of its test, although somebody is in the middle
// of a transaction.
func (e Engine[S]) DatabaseIsDropped(t *testing.T) {
	t.Parallel()
	s := e.Shared(t)
	var dsn string
	var stays *sql.Conn
	t.Run("user", func(user *testing.T) {
		dsn = Database(user, s)
		stays = e.inTransaction(t, dsn)
	})
	e.isGone(t, dsn, stays)
}

// DatabasesAreDropped has several, with names that need quotes.
func (e Engine[S]) DatabasesAreDropped(t *testing.T) {
	t.Parallel()
	s := e.Shared(t)
	spared := e.connect(t, Database(t, s))
	names := []string{"Drop me", "drop`\"me"}
	var dsns []string
	var stay []*sql.Conn
	for _, name := range names {
		dsn, err := s.CreateDatabase(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		dsns, stay = append(dsns, dsn), append(stay, e.inTransaction(t, dsn))
	}
	if _, err := s.CreateDatabase(t.Context(), names[0]); err == nil {
		t.Error("created twice")
	}
	for _, names := range [][]string{append(names, "not there"), names, nil} {
		if err := s.DropDatabases(t.Context(), names...); err != nil {
			t.Error(err)
		}
	}
	for i, dsn := range dsns {
		e.isGone(t, dsn, stay[i])
	}
	if _, err := spared.ExecContext(t.Context(), "select 1"); err != nil {
		t.Errorf("another database's session: %v", err)
	}
}

// inTransaction returns a session that has locked a table.
func (e Engine[S]) inTransaction(t *testing.T, dsn string) *sql.Conn {
	t.Helper()
	c := e.connect(t, dsn)
	for _, sql := range []string{"create table t (x int)", "begin", "insert into t values (1)"} {
		if _, err := c.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (e Engine[S]) isGone(t *testing.T, dsn string, stays *sql.Conn) {
	t.Helper()
	if stays == nil {
		t.FailNow()
	}
	if _, err := stays.ExecContext(t.Context(), "select 1"); err == nil {
		t.Error("the transaction is still there")
	}
	if err := e.Open(t, dsn).PingContext(t.Context()); err == nil {
		t.Error("the database is still there")
	}
}
