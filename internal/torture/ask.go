package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/pprof"
	"sync"
	"time"
)

// ask sends a request and keeps the answer. One with a key is sent until somebody knows,
// as the answer asks for, and perhaps more often than need be.
func (a *App) ask(op *Op, start time.Time) {
	op.Call = time.Since(start)
	if op.Twin {
		var twin Op
		var wg sync.WaitGroup
		wg.Go(func() {
			twin = *op
			a.send(&twin)
		})
		first := *op
		a.send(&first)
		wg.Wait()
		*op = join(first, twin)
	} else {
		a.send(op)
	}
	for op.Keyed && (op.Class == Unknown && op.Sent < 50 || op.Class == Acked && op.Again) {
		again := *op
		again.Sent, again.Doubts, again.Refusals, again.Others = 0, 0, 0, nil
		op.Again = false
		a.send(&again)
		*op = join(*op, again)
	}
	op.Return = time.Since(start)
}

// send sends a request once.
func (a *App) send(op *Op) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	method, path := op.request()
	var body []byte
	header := http.Header{}
	if op.Kind.Writes() {
		body, _ = json.Marshal(op.Ask) // strings and numbers: it cannot fail
	}
	if op.Keyed {
		header["Idempotency-Key"] = []string{`"` + op.Ask.Req + `"`}
	}
	stuck := time.AfterFunc(longest(a.o.Retry), func() { a.whereStuck(method + " " + path) })
	got, err := a.Do(ctx, method, path, header, body)
	stuck.Stop()
	op.Sent++
	op.Class, op.Status, op.Body = classify(got, err), got.Status, got.Body
	switch op.Class {
	case Unknown:
		op.Doubts++
	case Refused:
		op.Refusals++
		op.Done, _ = got.Done()
	case Acked:
		op.Done, _ = got.Done()
	case Failed:
	}
}

// whereStuck logs what all goroutines do while a request takes longer than it may.
func (a *App) whereStuck(what string) {
	var stacks bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 2) // a buffer: it cannot fail
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(&a.logs, "%s takes too long\n%s\n", what, stacks.Bytes())
}

// join is what two answers for the same key come to: one that promises more counts.
func join(a, b Op) Op {
	rank := [...]int{Acked: 3, Unknown: 2, Refused: 1, Failed: 0}
	if rank[b.Class] > rank[a.Class] {
		a, b = b, a
	}
	a.Sent += b.Sent
	a.Doubts += b.Doubts
	a.Refusals += b.Refusals
	a.Others = append(a.Others, b.Others...)
	if a.Class == Acked && b.Class == Acked {
		a.Others = append(a.Others, Answer{Status: b.Status, Body: b.Body})
	}
	return a
}
