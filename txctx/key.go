package txctx

import (
	"context"
	"errors"
	"time"
)

// Key makes a run happen once, however often it is asked for: a later run with the same
// key gets what the first one answered, and its function is not called. The adapter
// records the key in its ledger, in the transaction of the attempt itself, so it is
// there exactly if the effects are, and whatever rolls the attempt back leaves the key
// free.
type Key struct {
	// ID says which key it is, and whose.
	ID [32]byte

	// Fingerprint is that of what the run is asked to do. A key that comes again with
	// another one is refused with ErrKeyReused.
	Fingerprint [32]byte

	// Wait is how long to wait for a run that has the same key and is under way, before
	// it is ErrKeyInUse. 0: as little as the database can wait
	Wait time.Duration

	// Answer returns what later runs are to get. It is asked, on the goroutine of Run,
	// when an attempt is about to be committed; an error of it fails the attempt as one
	// of the function does. none: an empty Answer
	Answer func() (Answer, error)

	// Stored is given the answer of an earlier run instead of calling the function. No
	// transaction is open then, and Run returns nil afterwards. none
	Stored func(Answer)
}

// Answer is what is kept with a [Key]. Jobs use of it what they need.
type Answer struct {
	Status int
	Header map[string][]string
	Body   []byte
}

var (
	// ErrKeyInUse is what Run returns where another run with the same [Key] is under way.
	ErrKeyInUse = errors.New("reprise: another run with the same key is under way")

	// ErrKeyReused is what Run returns where the [Key] was used with another fingerprint.
	ErrKeyReused = errors.New("reprise: the key was used for something else")
)

// KeyKeeper is what a [DB] implements that can keep keys.
type KeyKeeper interface {
	// KeepsKeys returns for how long keys are kept, at least, and whether they are at
	// all: whether the adapter has a ledger.
	KeepsKeys() (retention time.Duration, ok bool)
}

// Claimer is what the [Tx] of a [KeyKeeper] implements.
type Claimer interface {
	// Claim begins the transaction and records k in it. From then until the transaction
	// ends nobody else gets k. The engine calls it before the function of the run, with
	// the context of the attempt, and rolls back whatever comes of it but nil, nil.
	//
	// It returns the answer of an earlier run, if there is one. With an error nothing was
	// claimed: ErrKeyInUse, ErrKeyReused, or what has doomed the attempt. Replays wait
	// for what the attempt before may have left behind, and are never ErrKeyInUse because
	// of it.
	Claim(ctx context.Context, k *Key) (*Answer, error)
}

// Answer returns what is to be kept with the run's key, for adapters to write in the
// transaction right before COMMIT; nil where there is no key. It does not change any
// more when Commit is called, and is nil before.
func (c *Control) Answer() *Answer { return c.answer }
