package sqliteadapter_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
)

type coded int

func (c coded) Error() string { return fmt.Sprint("sqlite error ", int(c)) }
func (c coded) Code() int     { return int(c) }

func TestClassify(t *testing.T) {
	const S, K = retryable.Statement, retryable.Commit
	for _, row := range []struct {
		err   error
		phase retryable.Phase
		want  retryable.Reason
	}{
		{coded(5), S, retryable.LockTimeout},
		{coded(5), K, retryable.LockTimeout},
		{coded(261), S, retryable.LockTimeout},
		{coded(517), S, retryable.Serialization},
		{coded(6), S, retryable.LockTimeout},
		{coded(262), S, retryable.LockTimeout},
		{coded(15), S, retryable.LockTimeout},
		{coded(17), S, retryable.Serialization},
		{coded(513), S, retryable.Serialization},
		{coded(13), S, retryable.Overloaded},
		{coded(3082), S, retryable.Overloaded},
		{coded(778), K, retryable.CommitUnknown},
		{coded(778), S, retryable.None},
		{coded(3850), S, retryable.LockTimeout},
		{coded(1032), S, retryable.Failover},
		{coded(8), S, retryable.None},
		{coded(9), S, retryable.None},
		{coded(19), S, retryable.None},
		{coded(2067), S, retryable.None},
		{coded(787), K, retryable.None},
		{coded(11), S, retryable.None},
		{context.Canceled, S, retryable.None},
		{context.Canceled, K, retryable.CommitUnknown},
	} {
		for _, err := range []error{row.err, fmt.Errorf("x: %w", row.err)} {
			if got := sqliteadapter.Classify(retryable.Fault{Err: err, Phase: row.phase}); got != row.want {
				t.Errorf("%v at %v: %v, want %v", err, row.phase, got, row.want)
			}
		}
	}
}
