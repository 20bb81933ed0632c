package dbtest

import (
	"maps"
	"strings"
	"testing"
)

// Lives goes through the ends and restarts of s, and closes it.
func (e Engine[S]) Lives(t *testing.T, s S) {
	ctx := t.Context()
	if err := s.Exec(ctx, "create table kept (x int); insert into kept values (1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.StartAgain(ctx); err == nil {
		t.Error("started twice")
	}
	if err := s.Run(ctx, "true"); err == nil {
		t.Error("ran a program beside the server")
	}
	ends := e.ends()
	maps.Copy(ends, e.Patient)
	for name, end := range ends {
		dsn := e.DSN(s)
		if _, err := e.EndSessions(s, ctx); err != nil { // opens the admin connection
			t.Fatalf("%s: %v", name, err)
		}
		busy := e.connect(t, dsn)
		if _, ok := e.Patient[name]; ok {
			busy.Close()
		}
		if err := end(s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := busy.ExecContext(ctx, "select 1"); err == nil {
			t.Errorf("%s: the session survived", name)
		}
		if err := end(s); err != nil {
			t.Errorf("%s again: %v", name, err)
		}
		if err := s.StartAgain(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e.DSN(s) != dsn {
			t.Errorf("%s: moved to %s", name, e.DSN(s))
		}
		if n := number(t, e.connect(t, dsn), "select count(*) from kept"); n != 1 {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.StartAgain(ctx); err == nil {
		t.Error("started after Close")
	}
	if err := s.Run(ctx, "true"); err == nil {
		t.Error("ran a program after Close")
	}
}

// FailureShowsTheLog starts a server that does not come up.
func (e Engine[S]) FailureShowsTheLog(t *testing.T) {
	t.Parallel()
	e.Shared(t) // skips, or fails, where there are no servers
	s, err := e.Start(t.Context(), map[string]string{"no_such_setting": "1"})
	if err == nil {
		s.Close()
		t.Fatal("it started")
	}
	if want := "no_such_setting"; !strings.Contains(err.Error(), want) {
		t.Errorf("no %s in %v", want, err)
	}
}
