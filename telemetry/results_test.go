package telemetry_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestRequestsAreCountedByResult: one line for each way in which a run can end.
//
// Mutation seen to fail it: resultOf without the case of each.
func TestRequestsAreCountedByResult(t *testing.T) {
	t.Parallel()
	lost := fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown}
	canceled := func(ctx context.Context) error { return context.Canceled }
	for name, tt := range map[string]struct {
		script []fakedb.Attempt
		ctx    func(context.Context) (context.Context, context.CancelFunc)
		f      fn
		want   string
	}{
		"committed":                            {f: write, want: "committed"},
		"after a replay":                       {script: []fakedb.Attempt{doomedBy(retryable.Deadlock)}, f: write, want: "committed"},
		"rolled back by wish":                  {f: func(ctx context.Context) error { txctx.Rollback(ctx); return nil }, want: "rolled_back"},
		"exhausted":                            {script: []fakedb.Attempt{fakedb.Always(doomedBy(retryable.Deadlock))}, f: write, want: "exhausted"},
		"unknown":                              {script: []fakedb.Attempt{lost}, f: write, want: "unknown"},
		"failed":                               {f: func(context.Context) error { return errPlain }, want: "failed"},
		"a canceled call of the handler's own": {f: canceled, want: "failed"},
		"client gone":                          {ctx: context.WithCancel, f: canceled, want: "canceled"},
		"deadline": {ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Time{})
		}, f: canceled, want: "timeout"},
		"attempt timeout": {f: func(context.Context) error { return txctx.ErrAttemptTimeout }, want: "timeout"},
		"key in use":      {f: func(context.Context) error { return txctx.ErrKeyInUse }, want: "refused"},
		"key reused":      {f: func(context.Context) error { return txctx.ErrKeyReused }, want: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			ctx := t.Context()
			if tt.ctx != nil {
				var cancel context.CancelFunc
				ctx, cancel = tt.ctx(ctx)
				cancel()
			}
			_ = txctx.Run(ctx, fakedb.New(tt.script...), b.options(), tt.f)
			want := "requests{gap=none,result=" + tt.want + "}: 1"
			if got := strings.Join(b.counted(), "\n"); !strings.Contains(got, want+"\n") && !strings.HasSuffix(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		})
	}
}

// TestAStoredAnswerIsAResult of its own.
func TestAStoredAnswerIsAResult(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	db := fakedb.New().KeepKeys(time.Hour)
	o := b.options()
	o.Key = &txctx.Key{ID: [32]byte{1}}
	for range 2 {
		if err := txctx.Run(t.Context(), db, o, write); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"request.attempts{}: 2, sum 2",
		"request.held{}: 2, sum 0",
		"requests{gap=none,result=committed}: 1",
		"requests{gap=none,result=stored}: 1",
	}
	if diff := cmp.Diff(want, b.counted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTheFirstUnknownOutcomeIsARise: Prometheus sees a counter rise only if it was there.
func TestTheFirstUnknownOutcomeIsARise(t *testing.T) {
	t.Parallel()
	_, labels := everything(t, func(func(txctx.Event)) {})
	if got := labels["reprise_result"]; len(got) != 9 || !slices.Contains(got, "unknown") {
		t.Errorf("ready are %q", got)
	}
}
