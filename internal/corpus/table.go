package corpus

import (
	"fmt"
	"strings"

	"github.com/reprise-go/reprise/retryable"
)

// Entry is a code in a table of docs/errors.md.
type Entry struct {
	Code   string // "40001", "FATAL 57P01"
	Text   string
	Want   retryable.Reason
	Commit retryable.Reason // in answer to COMMIT
}

// Table reads the table under the heading that begins so. It returns an error where
// the document is not as it should be.
func Table(document, heading string) (entries []Entry, err error) {
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
