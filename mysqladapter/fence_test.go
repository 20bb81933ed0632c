package mysqladapter_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestDefinitionsFence: what they commit cannot be taken back.
//
// Mutation: no fence.
func TestDefinitionsFence(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	for q, want := range map[string]int{
		`create table x1 (n int)`:                1,
		`/* c */ ALTER TABLE effect comment 'x'`: 1,
		`create temporary table x2 (n int)`:      2,
	} {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
			if txctx.AttemptOf(ctx).Number > 1 {
				return nil
			}
			if err := exec(ctx, q); err != nil {
				return err
			}
			return retryable.ErrRetry
		})
		exhausted, fenced := errors.AsType[*retryable.ExhaustedError](err)
		if runs != want || fenced != (want == 1) || fenced && !strings.Contains(exhausted.Why, "commits implicitly") {
			t.Errorf("%s: ran %d times, error %v", q, runs, err)
		}
	}
}
