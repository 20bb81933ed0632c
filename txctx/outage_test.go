package txctx_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// mode is how a frail database behaves.
type mode int32

const (
	up       mode = iota
	refusing      // dials fail at once, connections are dead
	silent        // nothing answers
	breaking      // dials succeed, every statement loses its connection
	wrong         // dials fail because of a password
	crowded       // dials fail because there are too many
	hollow        // probes succeed, and dials fail
)

var (
	errRefused = &retryable.Error{Reason: retryable.Disconnected, Err: errors.New("refused")}
	errCut     = &retryable.Error{Reason: retryable.Disconnected, Err: errors.New("cut")}
	errCrowded = &retryable.Error{Reason: retryable.Overloaded, Err: errors.New("too many")}
	errWrong   = errors.New("wrong password")
)

const (
	dialTime      = 5 * time.Millisecond
	statementTime = 5 * time.Millisecond
)

// frail is a database that can be taken down, behind a pool. It is dialed for every
// connection that the pool does not have.
type frail struct {
	gate   txctx.Gate
	mode   atomic.Int32
	dials  atomic.Int64 // probes included
	probes atomic.Int64
	now    atomic.Int64 // dials under way
	most   atomic.Int64

	room chan struct{}
	mu   sync.Mutex
	gen  int // of connections: older ones are dead
	idle []int
}

func newFrail(conns int) *frail { return &frail{room: make(chan struct{}, conns)} }

func (db *frail) set(m mode) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.mode.Store(int32(m))
	if m == refusing || m == silent {
		db.gen++
	}
}

func (db *frail) is(m mode) bool { return mode(db.mode.Load()) == m }

func (db *frail) Gate() *txctx.Gate { return &db.gate }

func (db *frail) Probe(ctx context.Context) error {
	db.probes.Add(1)
	if db.is(hollow) {
		return nil
	}
	return db.dial(ctx)
}

func (db *frail) dial(ctx context.Context) error {
	db.dials.Add(1)
	n := db.now.Add(1)
	defer db.now.Add(-1)
	for most := db.most.Load(); n > most && !db.most.CompareAndSwap(most, n); most = db.most.Load() {
	}
	switch mode(db.mode.Load()) {
	case refusing:
		return errRefused
	case hollow:
		time.Sleep(dialTime)
		return errRefused
	case silent:
		<-ctx.Done()
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return &retryable.Error{Reason: retryable.Disconnected, Err: ctx.Err()}
	case wrong:
		return errWrong
	case crowded:
		return errCrowded
	case up, breaking:
	}
	select {
	case <-time.After(dialTime):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// frailTx is a transaction on one of its connections.
type frailTx struct {
	db    *frail
	c     *txctx.Control
	begun bool
	gen   int
}

type frailKey struct{}

func (db *frail) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	tx := &frailTx{db: db, c: c}
	return context.WithValue(ctx, frailKey{}, tx), tx
}

// connect is what an adapter does in Connect.
func (tx *frailTx) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(tx.c.Policy().AcquireTimeout, time.Hour))
	defer cancel()
	tx.c.Dialing(cancel)
	select {
	case tx.db.room <- struct{}{}:
	case <-ctx.Done():
		return errCrowded
	}
	if !tx.take() {
		if err := tx.db.dial(ctx); err != nil {
			<-tx.db.room
			return err
		}
	}
	tx.begun = true
	return nil
}

// take takes a connection that is not dead, and drops those that are.
func (tx *frailTx) take() bool {
	tx.db.mu.Lock()
	defer tx.db.mu.Unlock()
	tx.gen = tx.db.gen
	for len(tx.db.idle) > 0 {
		last := len(tx.db.idle) - 1
		gen := tx.db.idle[last]
		tx.db.idle = tx.db.idle[:last]
		if gen == tx.gen {
			return true
		}
	}
	return false
}

func (tx *frailTx) alive() bool {
	tx.db.mu.Lock()
	defer tx.db.mu.Unlock()
	return tx.gen == tx.db.gen && !tx.db.is(breaking)
}

// touch is a handler with one statement.
func touch(ctx context.Context) error {
	tx := ctx.Value(frailKey{}).(*frailTx)
	if err := tx.c.Doomed(); err != nil {
		return err
	}
	if err := tx.c.Connect(ctx, tx.connect); err != nil {
		tx.c.Doom(err, retryable.Connect)
		return err
	}
	time.Sleep(statementTime)
	if !tx.alive() {
		tx.c.Doom(errCut, retryable.Statement)
		return errCut
	}
	return nil
}

func (tx *frailTx) Commit(context.Context) (txctx.Outcome, error) {
	tx.end()
	return txctx.Committed, nil
}

func (tx *frailTx) Rollback(context.Context) error {
	tx.end()
	return nil
}

func (tx *frailTx) end() {
	if !tx.begun {
		return
	}
	tx.begun = false
	if tx.alive() {
		tx.db.mu.Lock()
		tx.db.idle = append(tx.db.idle, tx.gen)
		tx.db.mu.Unlock()
	}
	<-tx.db.room
}

func (tx *frailTx) Judge(err error) error { return err }

// traffic is requests at a steady rate, and what became of them.
type traffic struct {
	db   *frail
	o    txctx.Options
	rate int // a second

	start time.Time
	wg    sync.WaitGroup
	mu    sync.Mutex
	done  []request
	tries []time.Duration // when attempts began
	live  int
	peak  int
}

type request struct {
	at, took time.Duration
	err      error
}

func newTraffic(db *frail, rate int, policy retryable.Policy) *traffic {
	return &traffic{db: db, rate: rate, start: time.Now(), o: txctx.Options{Retry: policy, Budgets: new(txctx.Budgets), Logger: quiet}}
}

// flow lets requests arrive for so long.
func (tr *traffic) flow(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second / time.Duration(tr.rate)) {
		tr.wg.Go(tr.request)
	}
}

func (tr *traffic) request() {
	at := time.Since(tr.start)
	tr.mu.Lock()
	tr.live++
	tr.peak = max(tr.peak, tr.live)
	tr.mu.Unlock()
	err := txctx.Run(context.Background(), tr.db, tr.o, func(ctx context.Context) error {
		tr.mu.Lock()
		tr.tries = append(tr.tries, time.Since(tr.start))
		tr.mu.Unlock()
		return touch(ctx)
	})
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.live--
	tr.done = append(tr.done, request{at, time.Since(tr.start) - at, err})
}

// tried counts the attempts that began from from to to.
func (tr *traffic) tried(from, to time.Duration) (n int) {
	for _, at := range tr.tries {
		if from <= at && at < to {
			n++
		}
	}
	return n
}

// most is the largest number of attempts that began within d, after from.
func (tr *traffic) most(from, d time.Duration) (most int) {
	for at := from; at < time.Since(tr.start); at += d {
		most = max(most, tr.tried(at, at+d))
	}
	return most
}

// arrived describes the requests that arrived from from to to.
func (tr *traffic) arrived(from, to time.Duration) (n, failed int, p99 time.Duration) {
	var took []time.Duration
	for _, r := range tr.done {
		if from <= r.at && r.at < to {
			took = append(took, r.took)
			if r.err != nil {
				failed++
			}
		}
	}
	if slices.Sort(took); len(took) > 0 {
		p99 = took[len(took)*99/100]
	}
	return len(took), failed, p99
}

// table logs how it went, second by second.
func (tr *traffic) table(t *testing.T) {
	for s := time.Duration(0); s < time.Since(tr.start); s += time.Second {
		n, failed, p99 := tr.arrived(s, s+time.Second)
		if n > 0 {
			t.Logf("%3v: %d requests, %d attempts, %d failed, p99 %v", s, n, tr.tried(s, s+time.Second), failed, p99)
		}
	}
}
