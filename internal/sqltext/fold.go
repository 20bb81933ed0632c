package sqltext

import "bytes"

// Folded is the beginning of a text with its ASCII letters in lower case, to look for
// many fragments in it without allocating.
type Folded struct {
	buf  [foldedLen]byte
	n    int
	rest string // what did not fit
}

const foldedLen = 256

// Fold folds s.
func Fold(s string) (f Folded) {
	f.n = copy(f.buf[:], s)
	f.rest = s[f.n:]
	for i, c := range f.buf[:f.n] {
		f.buf[i] = lower(c)
	}
	return f
}

// Contains reports whether fragment, which must be in lower case, is in the text.
func (f *Folded) Contains(fragment []byte) bool {
	if bytes.Contains(f.buf[:f.n], fragment) {
		return true
	}
	return f.rest != "" && f.containsLate(fragment)
}

// containsLate looks in the rest, and across its beginning.
func (f *Folded) containsLate(fragment []byte) bool {
	from := max(0, f.n-len(fragment)+1)
	late := append([]byte(nil), f.buf[from:f.n]...)
	for i := range len(f.rest) {
		late = append(late, lower(f.rest[i]))
	}
	return bytes.Contains(late, fragment)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
