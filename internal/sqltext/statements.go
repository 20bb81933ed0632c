package sqltext

import "strings"

// after returns what follows the first statement of sql, "" if nothing does. It skips
// quoted texts and comments; where dialects differ in what is quoted, a text may be cut
// too early or too late.
func after(sql string) string {
	if !strings.Contains(sql, ";") { // nearly always
		return ""
	}
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case c == ';':
			return sql[i+1:]
		case c == '\'', c == '"', c == '`':
			i += 1 + length(sql[i+1:], string(rune(c)))
		case c == '$':
			i += dollars(sql[i:])
		case strings.HasPrefix(sql[i:], "--"):
			i += length(sql[i:], "\n")
		case strings.HasPrefix(sql[i:], "/*"):
			i += 2 + length(sql[i+2:], "*/")
		default:
			i++
		}
	}
	return ""
}

// length returns how long s is up to the end of the first end, or all of it.
func length(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

// dollars returns the length of the text that is quoted in the manner of PostgreSQL,
// $$ ... $$ or $tag$ ... $tag$, at the beginning of s; 1 if it is none.
func dollars(s string) int {
	n := 1
	for n < len(s) && isWord(s[n]) && s[n] != '$' {
		n++
	}
	if n >= len(s) || s[n] != '$' || n > 1 && '0' <= s[1] && s[1] <= '9' {
		return 1
	}
	tag := s[:n+1]
	return len(tag) + length(s[len(tag):], tag)
}

// defines reports whether sql defines a routine or a trigger, whose body has statements,
// and an END, of its own.
func defines(sql string) bool {
	w := words{rest: sql}
	if w.next() != "create" {
		return false
	}
	for range 12 { // OR REPLACE, TEMPORARY, DEFINER = name, ...
		switch w.next() {
		case "trigger", "function", "procedure", "event", "package":
			return true
		case "":
			w.rest = strings.TrimLeft(w.rest, "=@'()")
		}
	}
	return false
}
