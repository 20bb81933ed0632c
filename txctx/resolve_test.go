package txctx_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// found scripts an attempt whose COMMIT got no answer.
func found(applied bool, outcome txctx.Outcome, err error) fakedb.Attempt {
	return fakedb.Attempt{
		CommitErr: errPlain, Outcome: txctx.Unknown, Applied: applied,
		Resolve: func(context.Context) (txctx.Outcome, error) { return outcome, err },
	}
}

// TestRule16_WhatWasFoundOutCounts: committed is success with hooks, rolled back is
// replayed, and unknown stays so.
//
// Mutations seen to fail it: replay what was committed; do not replay what was rolled
// back; no hooks.
func TestRule16_WhatWasFoundOutCounts(t *testing.T) {
	t.Parallel()
	errLook := errors.New("the database is down")
	for name, tt := range map[string]struct {
		script    fakedb.Attempt
		options   txctx.Options
		committed []string
		hooks     int
		err       string
	}{
		"committed":                    {found(true, txctx.Committed, nil), txctx.Options{}, []string{"a"}, 1, ""},
		"committed after a struggle":   {found(true, txctx.Committed, errLook), txctx.Options{}, []string{"a"}, 1, ""},
		"rolled back":                  {found(false, txctx.RolledBack, nil), txctx.Options{}, []string{"a"}, 1, ""},
		"rolled back, and no replays":  {found(false, txctx.RolledBack, nil), noReplays(), nil, 0, "disconnected"},
		"unknown":                      {found(true, txctx.Unknown, errLook), txctx.Options{}, []string{"a"}, 0, "unknown: plain\nthe database is down"},
		"unknown, and idempotent":      {found(true, txctx.Unknown, errLook), txctx.Options{Idempotent: true}, []string{"a", "a"}, 1, ""},
		"committed, and idempotent":    {found(true, txctx.Committed, nil), txctx.Options{Idempotent: true}, []string{"a"}, 1, ""},
		"nobody looks after READ ONLY": {found(false, txctx.Committed, nil), txctx.Options{ReadOnly: true}, []string{"a"}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New(tt.script)
			hooks := 0
			if tt.options.Retry == (retryable.Policy{}) {
				tt.options.Retry = hasty
			}
			err := txctx.Run(t.Context(), db, tt.options, func(ctx context.Context) error {
				txctx.AfterCommit(ctx, func(context.Context) { hooks++ })
				return exec(ctx, "a")
			})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(describe(err), tt.err)) {
				t.Errorf("%v, want %q", err, tt.err)
			}
			if errors.Is(err, retryable.ErrRetry) {
				t.Errorf("%v asks for a replay", err)
			}
			if diff := cmp.Diff(tt.committed, db.Committed()); diff != "" || hooks != tt.hooks {
				t.Errorf("%d hooks, committed (-want +got):\n%s", hooks, diff)
			}
		})
	}
}

func noReplays() txctx.Options {
	return txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}
}

// describe adds the reasons of an exhausted run.
func describe(err error) string {
	text := err.Error()
	if ex, ok := errors.AsType[*retryable.ExhaustedError](err); ok {
		for _, e := range ex.Errs {
			text += " " + retryable.ReasonOf(e).String()
		}
	}
	return text
}

// TestResolveForBoundsTheLook, and the end of the request does not.
func TestResolveForBoundsTheLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		script := found(true, txctx.Unknown, nil)
		script.OnEnd = func(context.Context) { cancel() }
		script.Resolve = func(ctx context.Context) (txctx.Outcome, error) {
			<-ctx.Done()
			return txctx.Unknown, context.Cause(ctx)
		}
		var looked txctx.Event
		o := txctx.Options{Retry: retryable.Policy{ResolveFor: 3 * time.Second}, Observe: func(_ context.Context, ev txctx.Event) {
			if ev.Kind == txctx.OutcomeLookedUp {
				looked = ev
			}
		}}
		err := txctx.Run(ctx, fakedb.New(script), o, write("a"))
		unknown, ok := errors.AsType[*txctx.OutcomeUnknownError](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) || unknown.Run == (txctx.RunID{}) {
			t.Errorf("%v", err)
		}
		if looked.Duration != 3*time.Second || looked.Attempt != 1 || looked.Outcome != txctx.Unknown || looked.Err == nil {
			t.Errorf("%+v", looked)
		}
	})
}

// TestTheLookIsRepeated while there is a reason to hope, with pauses; a network that is
// silent gets 2 s, then 4.
//
// Mutations seen to fail it: return after the first look; look on without a reason; no
// limit for one look.
func TestTheLookIsRepeated(t *testing.T) {
	t.Parallel()
	silent := errors.New("silent")
	for name, tt := range map[string]struct {
		looks   []error // nil is the answer that it was committed
		took    time.Duration
		unknown bool
	}{
		"at once":            {[]error{nil}, 0, false},
		"the third time":     {[]error{fakedb.Fault(retryable.Disconnected), fakedb.Fault(retryable.LockTimeout), nil}, 30 * time.Millisecond, false},
		"no hope":            {[]error{fakedb.Fault(retryable.Failover), errPlain}, 10 * time.Millisecond, true},
		"silence, then word": {[]error{silent, nil}, 2*time.Second + 10*time.Millisecond, false},
		"silence twice":      {[]error{silent, silent, nil}, 6*time.Second + 30*time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				looks := 0
				script := found(true, txctx.Unknown, nil)
				script.Resolve = func(ctx context.Context) (txctx.Outcome, error) {
					err := tt.looks[looks]
					looks++
					switch {
					case err == nil:
						return txctx.Committed, nil
					case errors.Is(err, silent):
						<-ctx.Done()
						err = ctx.Err()
					}
					return txctx.Unknown, err
				}
				o := txctx.Options{Retry: retryable.Policy{ResolveFor: time.Minute}}
				started := time.Now()
				err := txctx.Run(t.Context(), fakedb.New(script), o, write("a"))
				_, unknown := errors.AsType[*txctx.OutcomeUnknownError](err)
				if unknown != tt.unknown || !unknown && err != nil || errors.Is(err, retryable.ErrRetry) {
					t.Errorf("%v", err)
				}
				if took := time.Since(started); took != tt.took || looks != len(tt.looks) {
					t.Errorf("%d looks in %v, want %d in %v", looks, took, len(tt.looks), tt.took)
				}
			})
		})
	}
}

// TestRunID: one for all attempts, another for each run, and later ones sort later.
func TestRunID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for range 3 {
			db := fakedb.New(fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown})
			err := txctx.Run(t.Context(), db, txctx.Options{}, write("a"))
			unknown, ok := errors.AsType[*txctx.OutcomeUnknownError](err)
			if !ok {
				t.Fatal(err)
			}
			ids = append(ids, unknown.Run.String())
			time.Sleep(time.Millisecond) // of the bubble
		}
		for i, id := range ids {
			if len(id) != 36 || id[14] != '7' || !strings.Contains("89ab", id[19:20]) || i > 0 && id <= ids[i-1] {
				t.Errorf("%v", ids)
			}
		}
	})
}
