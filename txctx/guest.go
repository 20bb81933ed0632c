package txctx

import (
	"container/list"
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// guest is somebody who waits at a gate that does not stand open.
type guest struct {
	kind guestKind
	told chan struct{} // closed when there is an answer
	word word
	pass pass          // with wordEnter
	rest time.Duration // with wordGo: so that not all go at once
}

type guestKind uint8

const (
	caller  guestKind = iota // it dials when it is let in, and waits while the gate is shut
	hasty                    // like caller, but while the gate is shut it waits for a probe that is near, and no more
	sleeper                  // a replay that is not made before the gate opens
	seeker                   // of an outcome; goes before all others
)

// word is what a guest is told.
type word uint8

const (
	wordNone  word = iota // nothing: it has waited for long enough
	wordEnter             // it may dial
	wordGo                // the gate is not shut any more
	wordProbe             // it has to make the probe
	wordLeave             // it would wait in vain
)

// enter waits for leave to dial: while the gate is shut no longer than wait, and for its
// turn while it opens no longer than turn. The error is what the database was last found
// to be down with.
func (g *Gate) enter(ctx context.Context, db DB, wait, turn time.Duration) (pass, error) {
	began := time.Now()
	for {
		g.mu.Lock()
		limit, kind := left(wait, began), caller
		inVain := ctx.Err() != nil || limit == 0 && wait > 0
		if wait == 0 {
			kind = hasty
			if g.probeIsNear() {
				limit = left(moment, began)
			}
		}
		switch {
		case g.stand == gateOpen:
			p := pass{epoch: g.epoch}
			g.mu.Unlock()
			return p, nil
		case inVain:
		case g.stand == gateOpening && g.active < g.window:
			p := g.grant()
			g.mu.Unlock()
			return p, nil
		case g.stand == gateOpening:
			limit = max(limit, left(turn, began))
		case g.takeProbe():
			g.mu.Unlock()
			g.probe(ctx, db, probeFor(wait, began))
			continue
		}
		if inVain || limit == 0 {
			defer g.mu.Unlock()
			return pass{}, g.refusal
		}
		gu := g.await(ctx, kind, limit) // unlocks
		switch gu.word {
		case wordEnter:
			return gu.pass, nil
		case wordProbe:
			g.probe(ctx, db, probeFor(wait, began))
		case wordNone, wordLeave, wordGo:
			g.mu.Lock()
			defer g.mu.Unlock()
			return pass{}, g.refusal
		}
	}
}

// pause waits until the gate is not shut, no longer than patience, and not at all when
// it has been shut for longer than hope. It reports whether the gate is not shut now.
func (g *Gate) pause(ctx context.Context, db DB, kind guestKind, patience, hope time.Duration) bool {
	if _, calm := g.calm(); calm {
		return true
	}
	began := time.Now()
	for ctx.Err() == nil {
		g.mu.Lock()
		limit := left(patience, began)
		switch {
		case g.stand != gateShut:
			g.mu.Unlock()
			return true
		case limit == 0, hope != retryable.Forever && time.Since(g.since) > hope:
			g.mu.Unlock()
			return false
		case g.takeProbe():
			g.mu.Unlock()
			g.probe(ctx, db, limit)
			continue
		}
		gu := g.await(ctx, kind, limit) // unlocks
		switch gu.word {
		case wordProbe:
			g.probe(ctx, db, left(patience, began))
		case wordGo:
			if !sleep(ctx, gu.rest) {
				return false
			}
		case wordNone, wordLeave, wordEnter:
			return false
		}
	}
	return false
}

// probeFor returns how long one who dials may make a probe instead. Without a wait it is
// in the place of a dial.
func probeFor(wait time.Duration, began time.Time) time.Duration {
	if wait == 0 {
		return retryable.Forever
	}
	return left(wait, began)
}

// left returns what is left of a limit.
func left(limit time.Duration, began time.Time) time.Duration {
	if limit == retryable.Forever || limit == 0 {
		return limit
	}
	return max(0, limit-time.Since(began))
}

// await waits for a word. It is called with mu held, and returns without.
func (g *Gate) await(ctx context.Context, kind guestKind, limit time.Duration) *guest {
	gu := &guest{kind: kind, told: make(chan struct{})}
	element := g.waiting.PushBack(gu)
	g.mu.Unlock()

	var expired <-chan time.Time
	if limit != retryable.Forever {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-gu.told:
		return gu
	case <-expired:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting.Remove(element) // does nothing if it has been told meanwhile
	return gu
}

// tell gives a guest its word.
func (g *Gate) tell(element *list.Element, w word) *guest {
	gu := g.waiting.Remove(element).(*guest)
	gu.word = w
	close(gu.told)
	return gu
}

// each calls fn for every guest, which it may tell.
func (g *Gate) each(fn func(*list.Element, *guest)) {
	for element := g.waiting.Front(); element != nil; {
		next := element.Next()
		fn(element, element.Value.(*guest))
		element = next
	}
}

func (g *Gate) grant() pass {
	g.active++
	return pass{epoch: g.epoch, admitted: true}
}

// admit lets in those who wait to dial, as far as the window goes.
func (g *Gate) admit() {
	for element := g.waiting.Front(); element != nil && g.active < g.window; element = g.waiting.Front() {
		gu := element.Value.(*guest)
		gu.pass = g.grant()
		g.tell(element, wordEnter)
	}
}

// dismiss sends those away who do not wait while the gate is shut.
func (g *Gate) dismiss() {
	g.each(func(element *list.Element, gu *guest) {
		if gu.kind == hasty {
			g.tell(element, wordLeave)
		}
	})
}

// The time between replays that are made when the gate opens, and that of them all.
const (
	betweenReplays = time.Millisecond
	allReplays     = time.Second
)

// release lets those go who wait for no more than the gate not to be shut.
func (g *Gate) release() {
	rest := time.Duration(0)
	step := min(betweenReplays, allReplays/time.Duration(g.waiting.Len()+1))
	g.each(func(element *list.Element, gu *guest) {
		switch gu.kind {
		case seeker:
			g.tell(element, wordGo)
		case sleeper:
			gu.rest = rest
			rest += step
			g.tell(element, wordGo)
		case caller, hasty:
		}
	})
}

// refuseWith keeps what a dial failed with.
func (g *Gate) refuseWith(err error) {
	g.refusal = &retryable.Error{
		Reason: retryable.ReasonOf(err),
		Err:    fmt.Errorf("reprise: the database is down: %w", beneath(err)),
	}
}
