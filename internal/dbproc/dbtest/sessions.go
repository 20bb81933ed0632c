package dbtest

import (
	"database/sql"
	"math/rand/v2"
	"testing"
)

// EndsSessions ends those of one database.
func (e Engine[S]) EndsSessions(t *testing.T) {
	t.Parallel()
	s := e.Shared(t)
	mine, other := Database(t, s), Database(t, s)
	rnd := rand.New(rand.NewPCG(1, 2))
	name := databaseOf(mine)

	if ok, err := e.EndRandomSession(s, t.Context(), rnd, "no such database"); ok || err != nil {
		t.Error(ok, err)
	}
	a, b, spared := e.connect(t, mine), e.connect(t, mine), e.connect(t, other)
	if ok, err := e.EndRandomSession(s, t.Context(), rnd, name); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if n, err := e.EndSessions(s, t.Context(), "no such database", name); n < 1 || err != nil {
		t.Fatal(n, err)
	}
	for _, c := range []*sql.Conn{a, b} {
		if _, err := c.ExecContext(t.Context(), "select 1"); err == nil || !e.Ended(err) {
			t.Error(err)
		}
	}
	if _, err := spared.ExecContext(t.Context(), "select 1"); err != nil {
		t.Error(err)
	}
}
