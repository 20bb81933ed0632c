package faultproxy

import "time"

// sleeper waits more exactly than time.Sleep. It is for one goroutine.
type sleeper struct{ precise }

// until waits for t. It returns false where done was closed before.
func (s *sleeper) until(t time.Time, done <-chan struct{}) bool {
	// Far from t it can be interrupted, near it is exact.
	const near = 3 * time.Millisecond
	d := time.Until(t)
	if d > near {
		timer := time.NewTimer(d - near/2)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-done:
			return false
		}
		d = time.Until(t)
	}
	if d > 0 {
		s.wait(d)
	}
	return true
}
