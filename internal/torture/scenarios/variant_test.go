package scenarios

import (
	"testing"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
)

// variant is how the outcome of a COMMIT is looked up.
type variant string

const (
	byLedger variant = "ledger"
	byXid    variant = "xid" // PostgreSQL is asked for the number of the transaction
)

// forVariants runs a test with all that an engine has.
func forVariants(t *testing.T, e torture.Engine, test func(t *testing.T, v variant)) {
	t.Helper()
	variants := []variant{byLedger}
	if e == torture.Postgres {
		variants = append(variants, byXid)
	}
	for _, v := range variants {
		t.Run(string(v), func(t *testing.T) { test(t, v) })
	}
}

// may returns how many answers may be outcome-unknown where the ledger knows.
func (v variant) may(n int) int {
	if v == byXid {
		return n
	}
	return 0
}

// look is the message that looks up what became of a COMMIT; with a ledger, the one that
// keeps the attempt from being committed later.
func (v variant) look() faultproxy.Trigger {
	if v == byXid {
		return faultproxy.SQL("pg_xact_status('")
	}
	return faultproxy.SQL("attempt, void")
}
