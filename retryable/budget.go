package retryable

import (
	"fmt"
	"time"
)

// Budget bounds the replays of many runs together, so that an outage does not turn every
// request into six. In any Window there may be Share replays for every run that began in
// it, and PerSecond for every second of it. A run whose replay the budget does not grant
// is exhausted.
type Budget struct {
	Share     float64       // replays for each run: 0.2 is one for every five
	PerSecond int           // and besides these; [Unlimited] is no budget at all
	Window    time.Duration // from 1 s to 1 h. Default 10 s
}

// Limited reports whether there is a limit.
func (b Budget) Limited() bool { return b.PerSecond != Unlimited }

const (
	defaultWindow     = 10 * time.Second
	minWindow         = time.Second
	maxWindow         = time.Hour
	maxShare          = 1000
	maxPerSecond  int = 1_000_000
)

// or returns b, or d if b is zero.
func (b Budget) or(d Budget) Budget {
	if b == (Budget{}) {
		return d
	}
	if b.Window == 0 && b.Limited() {
		b.Window = defaultWindow
	}
	return b
}

func (b Budget) validate() error {
	switch {
	case !(b.Share >= 0 && b.Share <= maxShare): // nor NaN
		return fmt.Errorf("%s: %v is not between 0 and %d", "Share", b.Share, maxShare)
	case b.PerSecond < 0 || b.Limited() && b.PerSecond > maxPerSecond:
		return fmt.Errorf("%s: %d is neither between 0 and %d nor Unlimited", "PerSecond", b.PerSecond, maxPerSecond)
	case b.Window != 0 && (b.Window < minWindow || b.Window > maxWindow):
		return fmt.Errorf("%s: %v is not between %v and %v", "Window", b.Window, minWindow, maxWindow)
	}
	return nil
}
