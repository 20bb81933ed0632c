package txctx

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// Lanes keep attempts that conflict with each other from doing so again and
// again. Attempts of one lane, such as a route, run freely until more than every
// fifth of them is doomed by a conflict. From then on they pass one at a time,
// replays first; the lane widens again, step by step, as long as they do without
// conflicts, and is forgotten when nobody has to wait in it any more.
//
// Waiting is done before the transaction begins, holds no connection, and is
// bounded: after a quarter of Policy.RetryFor an attempt goes on without its turn,
// so that a handler that calls its own server cannot wait for itself for ever.
//
// The zero value is ready. Lanes are shared by the runs that may conflict, and
// know of this process only. An attempt that conflicts although it was alone in its
// lane has met another process: from then on there are pauses between the turns, as
// long as it takes for most attempts to get through.
type Lanes struct {
	known atomic.Int64 // lanes in m: none costs nothing
	mu    sync.Mutex
	m     map[string]*lane
}

// What heats a lane, and how it widens. A conflict weighs as much as four
// attempts without one.
const (
	conflictWeight = 4
	hotScore       = 4 * conflictWeight
	widenAfter     = 16 // attempts without conflict
	maxCaution     = 5  // doublings of widenAfter, one for each time that it was too early
)

// The pauses between turns grow by a quarter of the time that an attempt with a conflict
// took, and shrink by half of that of one without. So they come and go, and let each
// process have the field for a while: measured from two processes, that is worth more than
// steady pauses, and six conflicts in a row were not seen any more.
const (
	gapGrows   = 4
	gapShrinks = 2
	maxGap     = 250 * time.Millisecond
)

// lane is what Lanes remember of one key, from its first conflict on.
type lane struct {
	score   int // of late conflicts, while the lane is not hot
	hot     bool
	limit   int // how many may be under way, while it is hot
	active  int // tickets out
	streak  int // attempts without a conflict since the last change of limit
	caution int
	gap     time.Duration // half the longest pause between turns
	crowded bool          // somebody had to wait since the last change of limit
	waiting []*waiter     // replays before first attempts
}

type waiter struct {
	replay  bool
	granted chan struct{} // closed
	gap     time.Duration // the lane's, then
}

// ticket is an attempt's stay in a lane. The zero ticket is that of a lane nobody
// has heard of.
type ticket struct {
	key    string
	held   bool
	queued bool      // it had to wait
	since  time.Time // its turn began
}

// enter waits for the attempt's turn in the lane, no longer than patience.
func (ls *Lanes) enter(ctx context.Context, key string, replay bool, patience time.Duration) ticket {
	t := ticket{key: key}
	if ls.known.Load() == 0 {
		return t
	}
	ls.mu.Lock()
	l := ls.m[key]
	if l == nil || !l.hot {
		ls.mu.Unlock()
		return t
	}
	asked := time.Now()
	w := l.enqueue(replay)
	l.admit()
	l.crowded = l.crowded || len(l.waiting) > 0
	ls.mu.Unlock()

	select {
	case <-w.granted:
		t.held = true
	default:
		t.queued = true
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-w.granted:
			t.held = true
		case <-timer.C:
			t.held = ls.withdraw(l, w)
		case <-ctx.Done():
			t.held = ls.withdraw(l, w)
		}
	}
	if t.held && w.gap > 0 {
		t.queued = true
		sleep(ctx, min(rand.N(2*w.gap), max(0, patience-time.Since(asked))))
	}
	t.since = time.Now()
	return t
}

// leave gives the turn to the next and learns from what became of the attempt.
func (ls *Lanes) leave(t ticket, reason retryable.Reason) {
	conflict := reason != retryable.None && !reason.Outage() && reason != retryable.CommitUnknown
	if ls.known.Load() == 0 && !conflict {
		return
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.m[t.key]
	if l == nil {
		if !conflict {
			return
		}
		if ls.m == nil {
			ls.m = make(map[string]*lane)
		}
		l = new(lane)
		ls.m[t.key] = l
		ls.known.Add(1)
	}
	if t.held {
		l.active--
		l.pace(conflict, time.Since(t.since))
	}
	if l.learn(conflict) {
		delete(ls.m, t.key)
		ls.known.Add(-1)
	}
	l.admit()
}

// withdraw takes a waiter out of the queue and reports whether its turn had come
// after all.
func (ls *Lanes) withdraw(l *lane, w *waiter) (granted bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	select {
	case <-w.granted:
		return true
	default:
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(other *waiter) bool { return other == w })
	return false
}

func (l *lane) enqueue(replay bool) *waiter {
	w := &waiter{replay: replay, granted: make(chan struct{})}
	at := len(l.waiting)
	if replay {
		at = slices.IndexFunc(l.waiting, func(other *waiter) bool { return !other.replay })
		if at < 0 {
			at = len(l.waiting)
		}
	}
	l.waiting = slices.Insert(l.waiting, at, w)
	return w
}

// pace learns from an attempt that took so long how long the pauses should be.
func (l *lane) pace(conflict bool, took time.Duration) {
	switch {
	case !conflict:
		l.gap = max(l.gap-took/gapShrinks, 0)
	case l.limit == 1:
		l.gap = min(l.gap+took/gapGrows, maxGap)
	}
}

// learn heats, narrows and widens the lane. It reports whether the lane can be
// forgotten: it has cooled down, or for a while nobody had to wait in it.
func (l *lane) learn(conflict bool) (forget bool) {
	switch {
	case !l.hot && conflict:
		if l.score += conflictWeight; l.score >= hotScore {
			l.hot, l.limit = true, 1
		}
	case !l.hot:
		l.score--
		return l.score <= 0
	case conflict:
		if l.limit > 1 { // it had been widened too early
			l.caution = min(l.caution+1, maxCaution)
		}
		l.limit, l.streak = 1, 0
	default:
		if l.streak++; l.streak < widenAfter<<l.caution {
			return false
		}
		if !l.crowded && l.active == 0 {
			return true
		}
		l.limit, l.streak, l.crowded = l.limit+1, 0, len(l.waiting) > 0
		l.caution = max(l.caution-1, 0)
	}
	return false
}

// admit lets in as many waiters as there is room for.
func (l *lane) admit() {
	for len(l.waiting) > 0 && l.active < l.limit {
		l.active++
		l.waiting[0].gap = l.gap
		close(l.waiting[0].granted)
		l.waiting = slices.Delete(l.waiting, 0, 1)
	}
}
