package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestAnAnswerThatRollsBackIsNotKept: the same key runs again. Commit keeps such an
// answer, Rollback does not keep a good one.
func TestAnAnswerThatRollsBackIsNotKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		wish   func(context.Context)
		kept   bool
	}{
		"200":                    {200, nil, true},
		"302":                    {302, nil, true},
		"204":                    {204, nil, true},
		"400":                    {400, nil, false},
		"404":                    {404, nil, false},
		"500":                    {500, nil, false},
		"401 with Commit":        {401, txctx.Commit, true},
		"200 with Rollback":      {200, txctx.Rollback, false},
		"200 of a failed one":    {200, func(ctx context.Context) { txctx.Fail(ctx, errSecret) }, false},
		"200 of an unwanted one": {200, func(ctx context.Context) { txctx.Fail(ctx, retryable.Mark(errSecret)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			h := wrap(t, keeper(), byUser(), func(w http.ResponseWriter, r *http.Request) {
				runs++
				_ = exec(r.Context(), "a")
				if tt.wish != nil {
					tt.wish(r.Context())
				}
				w.WriteHeader(tt.status)
			})
			first := serve(h, withKey(`"k"`, "x"))
			before := runs
			second := serve(h, withKey(`"k"`, "x"))
			wantStatus(t, second, first.Code)
			if kept := runs == before; kept != tt.kept || second.Header().Get("Idempotency-Replayed") == "true" != kept {
				t.Errorf("%d runs, then %d; %v", before, runs, second.Header())
			}
			if got := first.Header().Get("Idempotency-Key-Expires"); got != "" != tt.kept {
				t.Errorf("Idempotency-Key-Expires %q", got)
			}
		})
	}
}

// TestALongAnswerCannotBePromised.
func TestALongAnswerCannotBePromised(t *testing.T) {
	t.Parallel()
	db := keeper()
	cfg := byUser()
	cfg.Keys.MaxAnswer = 100 * kib
	var failure error
	cfg.OnError = func(w http.ResponseWriter, r *http.Request, err error) {
		failure = err
		middleware.Problem(w, r, err)
	}
	h := wrap(t, db, cfg, func(w http.ResponseWriter, r *http.Request) {
		_ = exec(r.Context(), "a")
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	fits, tooLong := pattern(100*kib), pattern(100*kib+1)
	for range 2 {
		w := serve(h, withKey(`"k"`, fits))
		if w.Code != 200 || w.Body.String() != fits {
			t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
		}
	}
	wantProblem(t, serve(h, withKey(`"l"`, tooLong)), 500, "internal-error", "")
	large, ok := errors.AsType[*middleware.ResponseTooLargeError](failure)
	if !ok || !large.Keyed || !strings.Contains(large.Error(), "Config.Keys.MaxAnswer (102400 bytes)") {
		t.Errorf("%v", failure)
	}
	wantStatus(t, serve(h, post(tooLong)), 200)
	if diff := cmp.Diff([]string{"a", "a"}, db.Committed()); diff != "" {
		t.Errorf("committed (-want +got):\n%s", diff)
	}
}
