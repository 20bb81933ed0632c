package txctx

import (
	"context"
	"fmt"
	"sync"
)

// Once returns the same value in all attempts of a run: fn computes it in the
// first attempt that asks for key. Use it for what must not change between
// attempts: an id, the time of the request, a random number, the answer of a
// service that must be called once.
//
// An error is returned and not kept; the next call computes again. Goroutines
// that ask for the same key wait for each other, so fn must not ask for its own
// key. Outside an attempt fn is called at once and nothing is kept. Once panics
// if key was used with another type.
func Once[V any](ctx context.Context, key string, fn func() (V, error)) (V, error) {
	c := controlOf(ctx)
	if c == nil {
		return fn()
	}
	cell := c.run.once.cell(key)
	cell.mu.Lock()
	defer cell.mu.Unlock()
	if cell.set {
		v, ok := cell.v.(V)
		if !ok && cell.v != nil {
			panic(fmt.Sprintf("txctx: Once: key %q holds a %T, asked for as %T", key, cell.v, v))
		}
		return v, nil
	}
	v, err := fn()
	if err == nil {
		cell.v, cell.set = v, true
	}
	return v, err
}

// onceCells holds the values of one run.
type onceCells struct {
	mu    sync.Mutex
	cells map[string]*onceCell
}

type onceCell struct {
	mu  sync.Mutex
	set bool
	v   any
}

func (o *onceCells) cell(key string) *onceCell {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.cells[key]
	if c == nil {
		if o.cells == nil {
			o.cells = make(map[string]*onceCell)
		}
		c = new(onceCell)
		o.cells[key] = c
	}
	return c
}
