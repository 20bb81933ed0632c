package sqltext

import "strings"

// ContainsFold reports whether s contains fragment, which must be in lower case,
// whatever the case of ASCII letters in s. It does not allocate.
func ContainsFold(s, fragment string) bool {
	if fragment == "" {
		return true
	}
	for len(s) >= len(fragment) {
		i := index(s[:len(s)-len(fragment)+1], fragment[0])
		if i < 0 {
			return false
		}
		if hasPrefixFold(s[i:], fragment) {
			return true
		}
		s = s[i+1:]
	}
	return false
}

// index returns where c, in lower or upper case, stands first in s.
func index(s string, c byte) int {
	i := strings.IndexByte(s, c)
	if c < 'a' || c > 'z' {
		return i
	}
	if i >= 0 {
		s = s[:i]
	}
	if u := strings.IndexByte(s, c-('a'-'A')); u >= 0 {
		return u
	}
	return i
}

func hasPrefixFold(s, prefix string) bool {
	for i := range len(prefix) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}
