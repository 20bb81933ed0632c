package provoked_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// database is one under test, as an engine brings it. What takes a context works in
// the transaction of its attempt; what takes a test, past it.
type database interface {
	// adapter is what the middleware runs requests on
	adapter() txctx.DB
	// begin is the first statement of an attempt: it takes a lock that is the
	// transaction's, and names the session as the server does
	begin(ctx context.Context) (session string, err error)
	// effect is the second: it writes the number of the attempt
	effect(ctx context.Context, attempt int) error
	// effects returns the attempts whose effects are there
	effects(t *testing.T) []int
	// locked says whether a transaction has the lock of begin
	locked(t *testing.T) bool
	// pooled says whether the pool has the connection of a session to give out
	pooled(t *testing.T, session string) bool
	// inUse counts the connections that the pool has given out
	inUse() int
	// code returns the engine's own code of an error, "" where it has none
	code(err error) string
	// asked returns what the adapter's classifier was asked, and said
	asked() []judged
}

// scenario is an error that a server makes in the first attempt of a request.
type scenario[D database] struct {
	// row is the corpus's; "" where it has none, and then gives is required.
	row  string
	name string // how, in a few words

	// gives is what comes of the error where the row does not say it. Where it says
	// otherwise, disputed says why.
	gives    *verdict
	disputed string

	text string           // a part of the error's text
	is   error            // in the error's tree
	like func(error) bool // what else it is
	// asWarning says that the server told the code in a warning, which the driver does
	// not make an error of.
	asWarning bool

	// open makes the database. that of the list
	open func(t *testing.T) D
	// before is what happens before the first statement. nothing
	before func(a *attempt[D])
	// provoke is what the attempt does after its effect. nothing
	provoke func(a *attempt[D]) error
	// heal is what happens when the attempt is over, before it is replayed. nothing
	heal func(t *testing.T, d D)
	// outer goes around the middleware. nothing
	outer func(next http.Handler) http.Handler

	policy func(*retryable.Policy) // changes the policy. nothing

	readOnly bool // the transaction is READ ONLY, and has no effect
	noEffect bool // it could write, but the server takes no writes
	swallow  bool // the handler answers 200 whatever the error
	always   bool // every attempt meets the error

	// What came of it where the reason does not tell.
	spared    bool // the error cost no attempt
	unasked   bool // the adapter judges without its classifier
	committed bool // the outcome is unknown, and the effect is there
	attempts  int
	status    int
}

// verdict is what an error means.
type verdict struct {
	code   string
	phase  retryable.Phase
	reason retryable.Reason
	kept   bool // the connection goes back to the pool

	phases    []retryable.Phase // the row's, where it has several
	rollsBack string            // the row's; "tx" without one
}

// attempt is one run of the handler.
type attempt[D database] struct {
	*testing.T
	ctx     context.Context
	db      D
	number  int
	session string // "" before the transaction has begun

	over []func()
}

// after has fn run when the attempt is over, before heal.
func (a *attempt[D]) after(fn func()) { a.over = append(a.over, fn) }

// want returns what the error is to mean.
func (s scenario[D]) want(t *testing.T) verdict {
	t.Helper()
	if s.row == "" {
		v := *s.gives
		v.phases, v.rollsBack = []retryable.Phase{v.phase}, "tx"
		return v
	}
	row, ok := rows()[s.row]
	if !ok || (s.gives == nil) != (s.disputed == "") {
		t.Fatalf("row %q: it is not in the corpus, or gives without disputed, or disputed without gives", s.row)
	}
	v := verdict{phases: row.Phases, reason: row.Want, kept: row.Reuse, rollsBack: row.RollsBack}
	if row.Layer != "go" && row.Code != "*" && !s.asWarning {
		v.code = row.Code
	}
	if s.gives != nil {
		rollsBack := v.rollsBack
		v = *s.gives
		v.phases, v.rollsBack = []retryable.Phase{v.phase}, rollsBack
	}
	return v
}

// judges is a classifier that remembers.
type judges struct {
	next retryable.Classifier
	mu   sync.Mutex
	all  []judged
}

type judged struct {
	retryable.Fault
	reason retryable.Reason
}

func (j *judges) classify(f retryable.Fault) retryable.Reason {
	reason := j.next(f)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, judged{f, reason})
	return reason
}

func (j *judges) asked() []judged {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]judged(nil), j.all...)
}
