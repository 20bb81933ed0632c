package txtest

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
)

// findings are the lines of the report about a request.
func (t *trial) findings(ignore []*regexp.Regexp, fences []string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []string
	if err := t.end.Err; err != nil {
		found = append(found, fmt.Sprintf("the request failed in attempt %d, "+
			"so nobody knows whether it bears a replay: %v", t.end.Attempt, err))
	}
	if why := t.end.Why; why != "" && !slices.Contains(fences, why) {
		found = append(found, fmt.Sprintf("replay was disabled (%s): the loss of a connection could not be survived; "+
			"follow up in txctx.AfterCommit or by an outbox instead, or list it in Shaker.Fences if it is meant", why))
	}
	for _, e := range t.repeated() {
		found = append(found, fmt.Sprintf("%s happened in an attempt that was rolled back, and again in its replay; "+
			"do it in txctx.AfterCommit, by an outbox, or once for all attempts by txctx.Once", e))
	}
	if n := len(t.attempts); n > 0 && t.shaken != nil && t.shaken != t.attempts[n-1] && t.end.Err == nil {
		found = append(found, differences(t.shaken, t.attempts[n-1], ignore)...)
	}
	for _, rec := range t.attempts {
		rec.mu.Lock()
		for _, what := range rec.late {
			found = append(found, fmt.Sprintf("%s came after the end of attempt %d, and was refused; "+
				"wait for goroutines before the handler returns", what, rec.number))
		}
		rec.mu.Unlock()
	}
	return found
}

// repeated names the effects that both attempts had.
func (t *trial) repeated() []string {
	var names []string
	for _, e := range t.effects {
		if e.attempt == nil || e.attempt != t.shaken || slices.Contains(names, e.name) {
			continue
		}
		again := slices.ContainsFunc(t.effects, func(other effect) bool {
			return other.name == e.name && other.attempt != nil && other.attempt != t.shaken &&
				(e.key == "" || e.key != other.key)
		})
		if again {
			names = append(names, e.name)
		}
	}
	return names
}

// differences says in what two attempts differ between which nothing had changed.
func differences(a, b *record, ignore []*regexp.Regexp) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	const keep = "keep what it is made of by txctx.Once, do not count in variables, or list it in Shaker.Ignore"
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	if a.status != b.status {
		say("the status was %d in attempt %d, and %d in %d; something has outlived attempt %[2]d that its rollback did not undo",
			a.status, a.number, b.status, b.number)
	}
	for _, d := range headerDifferences(a.header, b.header, ignore) {
		say("the header %s was %q in attempt %d, and %q in %d; %s", d.name, d.a, a.number, d.b, b.number, keep)
	}
	if at, was, is, differ := firstDifference(a.body, b.body, ignore); differ {
		say("the answer differs at byte %d: %q in attempt %d, and %q in %d; %s", at, was, a.number, is, b.number, keep)
	}
	if was, is := statementDifference(a.statements, b.statements); was != is {
		say("the statements differ, %d in attempt %d and %d in %d: %s in the one is %s in the other; "+
			"something has outlived attempt %[2]d, such as a cache: fill it in txctx.AfterCommit",
			len(a.statements), a.number, len(b.statements), b.number, was, is)
	}
	if a.read != b.read || errors.Is(a.readErr, io.EOF) != errors.Is(b.readErr, io.EOF) {
		say("attempt %d read %d bytes of the request's body, and %d read %d; "+
			"every attempt has a body of its own: do not keep what was read outside of the handler",
			a.number, a.read, b.number, b.read)
	}
	return found
}
