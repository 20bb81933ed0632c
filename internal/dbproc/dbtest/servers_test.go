package dbtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
)

var errNotInstalled = errors.New("not installed")

// closer counts how often it was closed.
type closer struct {
	closed int
	err    error
}

func (c *closer) Close() error { c.closed++; return c.err }

func servers(err error) (_ *dbtest.Servers[*closer, int], started *int) {
	started = new(int)
	start := func(context.Context, int) (*closer, error) {
		*started++
		if err != nil {
			return nil, err
		}
		return new(closer), nil
	}
	return &dbtest.Servers[*closer, int]{Name: "x", Start: start, NotInstalled: errNotInstalled}, started
}

// Mutations seen to fail it: start whenever asked; do not close in Main.
func TestSharedIsStartedOnceAndClosed(t *testing.T) {
	t.Parallel()
	all, started := servers(nil)
	var s *closer
	status := all.Main(func() int {
		s = all.Shared(t)
		if all.Shared(t) != s || *started != 1 {
			t.Errorf("%d servers", *started)
		}
		return 0
	})
	if status != 0 || s.closed != 1 {
		t.Errorf("status %d, closed %d times", status, s.closed)
	}
}

// Mutations seen to fail it: return the status of the tests; return 1 always.
func TestStatusOfMain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tests int
		err   error
		want  int
	}{{0, nil, 0}, {0, errors.New("still there"), 1}, {2, nil, 2}, {2, errors.New("still there"), 2}} {
		all, _ := servers(nil)
		got := all.Main(func() int { all.Shared(t).err = c.err; return c.tests })
		if got != c.want {
			t.Errorf("%v: %d", c, got)
		}
	}
	all, started := servers(nil)
	if got := all.Main(func() int { return 0 }); got != 0 || *started != 0 {
		t.Error(got, *started)
	}
}

func TestNewIsClosedWithItsTest(t *testing.T) {
	t.Parallel()
	all, _ := servers(nil)
	var s *closer
	t.Run("user", func(t *testing.T) { s = all.New(t, 1) })
	if s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
}

// TestWithoutServer skips only where servers are neither installed nor required.
//
// Mutations seen to fail it: look at one of the variables alone; skip for any
// error.
func TestWithoutServer(t *testing.T) {
	for _, c := range []struct {
		err         error
		ci, require string
		want        string
	}{
		{fmt.Errorf("%w here", errNotInstalled), "", "", "skipped"},
		{fmt.Errorf("%w here", errNotInstalled), "1", "", "failed"},
		{fmt.Errorf("%w here", errNotInstalled), "", "1", "failed"},
		{errors.New("broken"), "", "", "failed"},
	} {
		t.Setenv("CI", c.ci)
		t.Setenv("REPRISE_REQUIRE_SERVERS", c.require)
		all, started := servers(c.err)
		for range 2 {
			if got := outcome(func(tb testing.TB) { all.Shared(tb) }); got != c.want {
				t.Errorf("%v: %s", c, got)
			}
		}
		if *started != 1 {
			t.Errorf("%v: tried %d times", c, *started)
		}
		if got := outcome(func(tb testing.TB) { all.New(tb, 0) }); got != c.want {
			t.Errorf("%v, New: %s", c, got)
		}
		if status := all.Main(func() int { return 0 }); status != 0 {
			t.Errorf("%v: status %d", c, status)
		}
	}
}

// outcome runs f as a test and says how that ended.
func outcome(f func(testing.TB)) string {
	tb := &fake{outcome: "passed"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(tb)
	}()
	<-done
	return tb.outcome
}
