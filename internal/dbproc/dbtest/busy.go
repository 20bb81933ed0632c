package dbtest

import "testing"

// EndsWithBusySessions ends a server whose sessions do not look up: one in a loop
// that never waits, one asleep, one idle in a transaction.
func (e Engine[S]) EndsWithBusySessions(t *testing.T) {
	t.Parallel()
	s := e.New(t)
	for name, end := range e.ends() {
		t.Run(name, func(t *testing.T) { e.endWithBusySessions(t, s, end) })
	}
}

func (e Engine[S]) endWithBusySessions(t *testing.T, s S, end func(S) error) {
	if err := s.Exec(t.Context(), "create table t (x int primary key)"); err != nil {
		t.Fatal(err)
	}
	watch := e.connect(t, e.DSN(s))
	var ended [2]chan error
	for i, sql := range []string{e.Loop, e.Sleep} {
		c, end := e.connect(t, e.DSN(s)), make(chan error, 1)
		ended[i] = end
		go func() {
			_, err := c.ExecContext(t.Context(), sql)
			end <- err
		}()
	}
	idle := e.connect(t, e.DSN(s))
	for _, sql := range []string{"insert into t values (1)", "begin", "insert into t values (2)"} {
		if _, err := idle.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	Eventually(t, "both are busy", func() bool { return number(t, watch, e.Busy) == 2 })
	if err := end(s); err != nil {
		t.Fatal(err)
	}
	for _, end := range ended {
		if err := <-end; err == nil {
			t.Error("a session came to its end")
		}
	}
	if _, err := idle.ExecContext(t.Context(), "select 1"); err == nil {
		t.Error("the idle session survived")
	}
	if err := s.StartAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := number(t, e.connect(t, e.DSN(s)), "select sum(x) from t"); n != 1 {
		t.Errorf("the rows add up to %d", n)
	}
	if err := s.Exec(t.Context(), "drop table t"); err != nil {
		t.Error(err)
	}
}
