package dbtest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
)

// Mutations seen to fail it: ask once; return after 10 s.
func TestEventually(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		in := func(d time.Duration) func() bool { return func() bool { return time.Since(began) >= d } }
		dbtest.Eventually(t, "in a second", in(time.Second))
		if d := time.Since(began); d != time.Second {
			t.Errorf("it took %v", d)
		}
		if got := outcome(func(tb testing.TB) { dbtest.Eventually(tb, "in a minute", in(time.Minute)) }); got != "failed" {
			t.Error(got)
		}
	})
}

// Mutation seen to fail it: return after 10 s.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(chan struct{})
		if got := outcome(func(tb testing.TB) { dbtest.Wait(tb, "never", c) }); got != "failed" {
			t.Error(got)
		}
		close(c)
		dbtest.Wait(t, "now", c)
	})
}
