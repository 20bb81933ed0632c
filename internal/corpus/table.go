package corpus

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/retryable"
)

// Entry is a code in a table of docs/errors.md.
type Entry struct {
	Code   string // "40001", "FATAL 57P01"
	Text   string
	Want   retryable.Reason
	Commit retryable.Reason // in answer to COMMIT
}

// CheckTable checks the table in docs/errors.md under the heading that begins so, which
// has that many entries or more: classify must say of the error that errorOf makes of each
// what the document says.
func CheckTable(t *testing.T, heading string, atLeast int, errorOf func(Entry) error, classify retryable.Classifier) {
	t.Helper()
	document, err := os.ReadFile("../docs/errors.md") // from the folder of an adapter
	if err != nil {
		t.Fatal(err)
	}
	entries, err := table(string(document), heading)
	if err != nil || len(entries) < atLeast {
		t.Fatalf("%d entries, error %v", len(entries), err)
	}
	for _, entry := range entries {
		err := errorOf(entry)
		for phase, want := range map[retryable.Phase]retryable.Reason{
			retryable.Statement: entry.Want, retryable.Commit: entry.Commit,
		} {
			if got := classify(retryable.Fault{Err: err, Phase: phase}); got != want {
				t.Errorf("%s %s at %v: %v, the document says %v", entry.Code, entry.Text, phase, got, want)
			}
		}
	}
}

// table reads the table under the heading that begins so. It returns an error where
// the document is not as it should be.
func table(document, heading string) (entries []Entry, err error) {
	_, section, ok := strings.Cut(document, "\n## "+heading)
	if !ok {
		return nil, fmt.Errorf("corpus: no heading %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !strings.Contains(cells[0], "`") {
			continue
		}
		want, known := firstReason(cells[2])
		commit, other := firstReason(cells[3])
		if !known {
			return nil, fmt.Errorf("corpus: no reason in %q", line)
		}
		if !other {
			commit = want
		}
		for i, code := range strings.Split(cells[0], "`") {
			if i%2 == 1 {
				entries = append(entries, Entry{code, strings.TrimSpace(cells[1]), want, commit})
			}
		}
	}
	return entries, nil
}

// firstReason returns the first reason in backquotes.
func firstReason(cell string) (retryable.Reason, bool) {
	parts := strings.Split(cell, "`")
	if len(parts) < 3 {
		return 0, false
	}
	return reason(parts[1])
}
