// Package sqltext reads as much of an SQL text as its statements' first words.
package sqltext

import "strings"

// Verb is what a statement does to the transaction it is in.
type Verb uint8

const (
	Other      Verb = iota
	Begin           // BEGIN, START TRANSACTION
	Commit          // COMMIT, END
	Rollback        // ROLLBACK, ABORT
	Savepoint       // SAVEPOINT name
	RollbackTo      // ROLLBACK TO [SAVEPOINT] name
	Release         // RELEASE [SAVEPOINT] name
)

// Parse returns what the first statement of sql does, and the name of its savepoint in
// lower case, if any. Where a later statement begins or ends a transaction, that is what
// it returns.
func Parse(sql string) (verb Verb, savepoint string) {
	verb, savepoint = parse(sql)
	rest := after(sql)
	if rest == "" || defines(sql) {
		return verb, savepoint
	}
	for ; rest != ""; rest = after(rest) {
		switch later, _ := parse(rest); later {
		case Begin, Commit, Rollback:
			return later, ""
		}
	}
	return verb, savepoint
}

// parse is Parse for the first statement alone.
func parse(sql string) (verb Verb, savepoint string) {
	w := words{rest: sql}
	switch w.next() {
	case "begin":
		return Begin, ""
	case "start":
		if w.next() == "transaction" {
			return Begin, ""
		}
	case "commit", "end":
		if w.next() == "prepared" {
			return Other, ""
		}
		return Commit, ""
	case "abort":
		return Rollback, ""
	case "rollback":
		word := w.next()
		for word == "work" || word == "transaction" {
			word = w.next()
		}
		switch word {
		case "prepared":
			return Other, ""
		case "to":
			return RollbackTo, w.name()
		}
		return Rollback, ""
	case "savepoint":
		return Savepoint, w.name()
	case "release":
		return Release, w.name()
	}
	return Other, ""
}

// Words returns the first two words of sql, in lower case.
func Words(sql string) (first, second string) {
	w := words{rest: sql}
	return w.next(), w.next()
}

// words reads words, skipping white space and comments.
type words struct{ rest string }

// name returns the name of a savepoint, after the word SAVEPOINT if that is there.
func (w *words) name() string {
	name := w.next()
	if name == "savepoint" {
		if second := w.next(); second != "" {
			return second
		}
	}
	return name
}

// next returns the next word in lower case, "" where there is none.
func (w *words) next() string {
	w.skip()
	if w.rest != "" && strings.ContainsRune("\"`[", rune(w.rest[0])) {
		return w.quoted()
	}
	n := 0
	for n < len(w.rest) && isWord(w.rest[n]) {
		n++
	}
	word := w.rest[:n]
	w.rest = w.rest[n:]
	return strings.ToLower(word)
}

func (w *words) quoted() string {
	quote := w.rest[0]
	if quote == '[' {
		quote = ']'
	}
	name, rest, _ := strings.Cut(w.rest[1:], string(rune(quote)))
	w.rest = rest
	return strings.ToLower(name)
}

func (w *words) skip() {
	for {
		w.rest = strings.TrimLeft(w.rest, " \t\r\n\f\v;")
		switch {
		case strings.HasPrefix(w.rest, "--"), strings.HasPrefix(w.rest, "#"):
			_, w.rest, _ = strings.Cut(w.rest, "\n")
		case strings.HasPrefix(w.rest, "/*"):
			_, w.rest, _ = strings.Cut(w.rest[2:], "*/")
		default:
			return
		}
	}
}

func isWord(b byte) bool {
	return b == '_' || b == '$' || b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
