package txctx

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// Run calls fn in a transaction of db and commits it when fn returns nil. When
// the attempt is doomed by an error that is retryable.ErrRetry, seen by the
// adapter in any statement, reported by [Fail], returned by fn or thrown as a
// panic, fn is called again in a new transaction after a pause, within the
// limits of o.Retry.
//
// Run returns
//   - nil: committed; or rolled back because fn asked for it with [Rollback], or
//     because o.Key was answered already;
//   - [ErrKeyInUse], [ErrKeyReused]: o.Key could not be claimed; fn was not called;
//   - the error of fn, or the cause of ctx, unchanged: rolled back;
//   - *retryable.ExhaustedError: doomed, and no replay was possible; rolled back;
//   - *[OutcomeUnknownError]: COMMIT was sent, no answer came, and the outcome could
//     not be found out; see [Resolver].
//
// fn runs on the calling goroutine. A panic that is not a retry rolls back and
// goes on with its own value; runtime.Goexit rolls back. COMMIT and ROLLBACK do
// not run under ctx but under Policy.CommitTimeout; a run whose ctx ends before
// COMMIT is sent is rolled back.
//
// A Run inside a Run on the same db joins the outer attempt: its options are
// ignored, it neither commits nor replays, and its error is returned after
// dooming the outer attempt if it is retryable. A Run on another db inside an
// attempt panics, since its commit would be repeated by a replay of the outer
// one. Run also panics if db is nil or o.Retry is invalid, and with a Key if db keeps
// no keys or o.ReadOnly is set.
func Run(ctx context.Context, db DB, o Options, fn func(ctx context.Context) error) error {
	if c := controlOf(ctx); c != nil && !c.isOver() {
		return c.join(ctx, db, fn)
	}
	return newRun(ctx, db, o, fn).loop()
}

// run is one call of Run: what its attempts have in common.
type run struct {
	ctx    context.Context
	db     DB
	o      Options
	gate   *Gate             // nil where the adapter has none
	policy *retryable.Policy // o.Retry, with all defaults
	fn     func(context.Context) error
	log    *slog.Logger
	start  time.Time
	first  Control // of attempt 1, which is the only one of most
	once   onceCells
	latest *Control      // of the attempt under way, or of the last one
	errs   []error       // why attempts were doomed, oldest first
	waited time.Duration // for a database that was known to be down

	committed bool
	stored    bool // the answer of an earlier run was found

	mu       sync.Mutex
	leaked   bool  // something may have been committed that the attempt's rollback does not undo
	id       RunID // zero until it is asked for
	fenceWhy string
}

func newRun(ctx context.Context, db DB, o Options, fn func(context.Context) error) *run {
	if db == nil {
		panic("txctx: Run: db is nil")
	}
	if err := o.Retry.Validate(); err != nil {
		panic("txctx: Run: Options.Retry." + err.Error())
	}
	mustKeepKeys(db, &o)
	r := &run{ctx: ctx, db: db, o: o, fn: fn, start: time.Now(), log: o.Logger}
	r.o.Retry = o.Retry.WithDefaults()
	r.policy = &r.o.Retry
	if gated, ok := db.(Gated); ok {
		r.gate = gated.Gate()
	}
	o.Budgets.deposit(r.policy, r.start)
	if r.log == nil {
		r.log = slog.Default()
	}
	return r
}

// control returns that of attempt n.
func (r *run) control(n int) *Control {
	c := &r.first
	if n > 1 {
		c = new(Control) // goroutines may have kept the one before
	}
	c.run, c.number, c.prior = r, n, r.errs
	return c
}

// loop makes attempts until one is not to be replayed.
func (r *run) loop() (err error) {
	n := 0
	finished := false
	defer func() {
		if !finished { // a panic or Goexit passes through
			r.finish(n, errLeft)
		}
	}()
	var pacer *retryable.Pacer
	var last verdict
	for {
		n++
		last = r.attempt(n, last)
		if !last.replay {
			break
		}
		r.keep(last.err)
		if pacer == nil {
			pacer = r.policy.Pacer()
		}
		if why := r.await(n, last, pacer.Pause(last.reason)); why != "" {
			last.err = r.givenUp(n, why)
			break
		}
	}
	finished = true
	r.finish(n, last.err)
	return last.err
}

// givenUp is the result of a run whose attempt n was doomed and is the last: that nothing
// was changed, unless a part of it was committed behind everybody's back.
func (r *run) givenUp(n int, why string) error {
	err := r.exhausted(n, why)
	r.mu.Lock()
	leaked := r.leaked
	r.mu.Unlock()
	if !leaked {
		return err
	}
	return &OutcomeUnknownError{Err: err, Run: r.runID()}
}

func (r *run) exhausted(n int, why string) error {
	e := &retryable.ExhaustedError{Attempts: n, Errs: r.errs, Why: why}
	if why == whyContext {
		e.Cause = context.Cause(r.ctx)
	}
	return e
}

// mayRepeat reports whether the function may run again although an earlier
// attempt may have been committed.
func (r *run) mayRepeat() bool { return r.o.ReadOnly || r.o.Idempotent }

// keepErrs bounds the memory of a run that is replayed for ever.
const keepErrs = 32

func (r *run) keep(err error) {
	if len(r.errs) == keepErrs {
		r.errs = append(r.errs[:keepErrs/2:keepErrs/2], r.errs[keepErrs/2+1:]...)
	}
	r.errs = append(r.errs, err)
}

func (r *run) finish(n int, err error) {
	ev := Event{Kind: RequestFinished, Attempt: n, Err: err, Duration: time.Since(r.start), Errs: r.errs, Stored: r.stored}
	if r.committed {
		ev.Outcome = Committed
	} else if _, unknown := err.(*OutcomeUnknownError); unknown { //nolint:errorlint // made by Run itself
		ev.Outcome = Unknown
	}
	ev.Gap, ev.Why = r.gap()
	ev.Protected = ev.Gap == NoGap
	r.emit(ev)
}

func (r *run) fenceOff(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fenceWhy == "" {
		r.fenceWhy = why
		if why == "" {
			r.fenceWhy = "no reason given"
		}
	}
}

func (r *run) fence() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fenceWhy
}
