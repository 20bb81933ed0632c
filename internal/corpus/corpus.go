// Package corpus holds the errors that the adapters' classifiers are tested against:
// what servers, poolers and drivers answer, in which phase, and what it means. Most
// were provoked on real servers; the last column but one says where each is from.
package corpus

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/reprise-go/reprise/retryable"
)

//go:embed errors.tsv
var file string

// Row is one error.
type Row struct {
	ID     string
	Engine string // "postgresql", "mysql+mariadb", "pgbouncer", ...
	Layer  string // "sqlstate", "errno", "sqlite" (a result code), "go" (a driver's error)
	Code   string // in the layer's own form

	// Message is the text, with alternatives between " | " and remarks in
	// parentheses.
	Message string

	// Phases are those in which the verdict holds.
	Phases []retryable.Phase
	// AnyPhase says that the corpus names no phase; Phases are all three then.
	AnyPhase bool
	Want     retryable.Reason

	// RollsBack is what the server has undone by itself: "tx", "statement", "unknown".
	RollsBack string
	// Reuse says that the connection may be used again.
	Reuse bool
	Note  string
}

// Rows returns the corpus in its order. It panics if the file is malformed.
func Rows() []Row {
	lines := strings.Split(strings.TrimSpace(file), "\n")
	rows := make([]Row, 0, len(lines)-1)
	for n, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		for len(cells) < 11 { // the last may be empty
			cells = append(cells, "")
		}
		phases, any := phases(cells[5])
		want, ok := reason(cells[6])
		if phases == nil || !ok {
			panic(fmt.Sprintf("corpus: line %d: phase %q, kind %q", n+2, cells[5], cells[6]))
		}
		rows = append(rows, Row{
			ID: cells[0], Engine: cells[1], Layer: cells[2], Code: cells[3], Message: cells[4],
			Phases: phases, AnyPhase: any, Want: want,
			RollsBack: cells[7], Reuse: cells[8] == "yes", Note: cells[10],
		})
	}
	return rows
}

func phases(name string) (phases []retryable.Phase, any bool) {
	for p := retryable.Connect; p <= retryable.Commit; p++ {
		if p.String() == name {
			return []retryable.Phase{p}, false
		}
		phases = append(phases, p)
	}
	if name == "any" {
		return phases, true
	}
	return nil, false
}

func reason(name string) (retryable.Reason, bool) {
	for r := retryable.None; r <= retryable.CommitUnknown; r++ {
		if r.String() == name {
			return r, true
		}
	}
	return 0, false
}

// Faults returns what a classifier is to be asked: the errors of the row as they are and
// in trees, in each of its phases.
func (r Row) Faults(errs ...error) (faults []retryable.Fault) {
	for _, err := range errs {
		for _, phase := range r.Phases {
			for _, err := range []error{err, fmt.Errorf("x: %w", err), errors.Join(errors.New("y"), err)} {
				faults = append(faults, retryable.Fault{
					Err: err, Phase: phase, ReadOnly: strings.Contains(r.Message, "asked for READ ONLY"),
				})
			}
		}
	}
	return faults
}

// Accepts reports whether a verdict agrees with the row. Where the row names no phase,
// CommitUnknown is accepted in answer to COMMIT if the connection is gone with the
// error, or if no replay would follow either way.
func (r Row) Accepts(phase retryable.Phase, got retryable.Reason) bool {
	open := r.AnyPhase && phase == retryable.Commit && (!r.Reuse || r.Want == retryable.None)
	return got == r.Want || open && got == retryable.CommitUnknown
}
