package mysqladapter_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestCommitAndRollback(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	if _, err := b.run(txctx.Options{}, effect); err != nil || b.effects() != 1 {
		t.Errorf("error %v, %d effects", err, b.effects())
	}
	boom := errors.New("boom")
	if _, err := b.run(txctx.Options{}, func(ctx context.Context) error { return errors.Join(effect(ctx), boom) }); !errors.Is(err, boom) || b.effects() != 1 {
		t.Errorf("error %v, %d effects", err, b.effects())
	}
}

// TestRule15_OutcomesOfCommit: ErrInvalidConn says the same of a COMMIT that arrived
// and of one that did not.
func TestRule15_OutcomesOfCommit(t *testing.T) {
	for name, tt := range map[string]struct {
		rule    faultproxy.Rule
		effects int
	}{
		"the answer is swallowed": {faultproxy.Rule{When: faultproxy.SQL("commit"), AwaitReply: true, Then: faultproxy.CutClient}, 1},
		"COMMIT is dropped":       {faultproxy.Rule{When: faultproxy.SQL("commit"), Do: faultproxy.Drop, Then: faultproxy.CutBoth}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := proxied(t, "", mysqladapter.Config{})
			hit := p.Add(tt.rule)
			runs, err := b.run(txctx.Options{}, effect)
			if _, unknown := errors.AsType[*txctx.OutcomeUnknownError](err); !unknown || runs != 1 || hit.Count() != 1 {
				t.Errorf("ran %d times, error %v", runs, err)
			}
			until(t, fmt.Sprintf("%d effects", tt.effects), func() bool { return b.effects() == tt.effects })
		})
	}
}

// TestRule15_AConnectionSeenDeadIsNotCommitted, though the driver would send COMMIT
// and then not know: that the server has hung up has arrived, unread.
//
// Mutation seen to fail it: do not look before COMMIT.
func TestRule15_AConnectionSeenDeadIsNotCommitted(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		if err := effect(ctx); err != nil || txctx.AttemptOf(ctx).Number > 1 {
			return err
		}
		id, err := query(ctx, `select connection_id()`)
		b.outside(`kill ` + strconv.Itoa(id))
		until(t, "the session ended", func() bool {
			n, err := b.number(`select count(*) from information_schema.processlist where id = ` + strconv.Itoa(id))
			return n == 0 && err == nil
		})
		return err
	})
	if runs != 2 || err != nil || b.effects() != 1 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, b.effects())
	}
}
