package dbtest

import (
	"testing"
	"time"
)

// enough is how long a test waits for what must come.
const enough = 10 * time.Second

// Eventually waits up to 10 s until ok returns true, and ends the test where it
// does not. It asks every 2 ms.
func Eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	if !Within(tb, enough, what, ok) {
		tb.FailNow()
	}
}

// Within is Eventually for d, and for any goroutine: where ok does not return true in
// time the test fails, goes on, and Within returns false.
func Within(tb testing.TB, d time.Duration, what string, ok func() bool) bool {
	tb.Helper()
	deadline := time.After(d)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Errorf("not after %v: %s", d, what)
			return false
		}
	}
	return true
}

// Wait waits up to 10 s for c to be closed, and ends the test where it is not.
func Wait(tb testing.TB, what string, c <-chan struct{}) {
	tb.Helper()
	select {
	case <-c:
	case <-time.After(enough):
		tb.Fatal("not after 10 s: " + what)
	}
}
