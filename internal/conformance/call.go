package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/txctx"
)

// atRows says that transactions with different keys do not wait for each other.
func atRows(e Engine) bool { return recording(e) && !e.OneWriter }

var recordedSnapshot = Options{Ledger: true, Isolation: repeatableRead}

// call is one call of Run with a key, and what came of it.
type call struct {
	key    byte
	use    byte // the fingerprint
	wait   time.Duration
	o      txctx.Options
	stored *txctx.Answer
	runs   int
	err    error
}

// answerOf is what the function of a key answers, in all bytes that a database might take
// for something else.
func answerOf(key byte) txctx.Answer {
	body := []byte{key, '\'', '\\', '"', '$', ';', '\n'}
	for i := range 256 {
		body = append(body, byte(i))
	}
	return txctx.Answer{
		Status: 200 + int(key),
		Header: map[string][]string{"X-Key": {fmt.Sprint(key), `'"\$1;?`}, "X-Bytes": {"\xff\x00ü"}, "Gone": nil},
		Body:   body,
	}
}

// do runs fn with the key of c.
func (b *bed) do(c *call, fn func(ctx context.Context, tx Tx) error) {
	o := c.o
	o.Key = &txctx.Key{
		ID:          [32]byte{c.key, 31: '\''},
		Fingerprint: [32]byte{c.use, 31: '\\'},
		Wait:        c.wait,
		Answer:      func() (txctx.Answer, error) { return answerOf(c.key), nil },
		Stored:      func(a txctx.Answer) { c.stored = &a },
	}
	c.runs, c.err = b.run(o, fn)
}

// wantRan checks that c ran its function so often, and was committed.
func (b *bed) wantRan(c *call, runs int) {
	b.Helper()
	if c.runs != runs || c.err != nil || c.stored != nil {
		b.Errorf("key %d ran %d times, error %v, stored %v; want %d times", c.key, c.runs, c.err, c.stored, runs)
	}
}

// wantStored checks that c got the answer of another run.
func (b *bed) wantStored(c *call) {
	b.Helper()
	if c.runs != 0 || c.err != nil || c.stored == nil {
		b.Errorf("key %d ran %d times, error %v, stored %v", c.key, c.runs, c.err, c.stored)
		return
	}
	if diff := cmp.Diff(answerOf(c.key), *c.stored); diff != "" {
		b.Errorf("the stored answer (-want +got):\n%s", diff)
	}
}

// again runs a key that was answered, and wants that answer.
func (b *bed) again(key byte) {
	b.Helper()
	c := &call{key: key}
	b.do(c, b.effect)
	b.wantStored(c)
}

// hold runs a key whose function waits until it is let go, and returns when it does.
func (b *bed) hold(c *call, fail error) (let func()) {
	began, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		b.do(c, func(ctx context.Context, tx Tx) error {
			err := b.effect(ctx, tx)
			close(began)
			<-release
			return errors.Join(err, fail)
		})
	}()
	<-began
	return func() { close(release); <-done }
}

// follow runs a key while another run holds it, and lets that go when it has begun.
func (b *bed) follow(c *call, let func()) {
	sent := b.Faults.Sent()
	done := make(chan struct{})
	go func() { defer close(done); b.do(c, b.effect) }()
	if !b.engine.OneWriter {
		b.eventually("the other has begun", func() bool { return b.Faults.Sent() >= sent+2 })
	}
	let()
	<-done
}
