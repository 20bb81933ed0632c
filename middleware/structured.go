package middleware

import "strings"

// parseString parses the value of a header field that is an Item (RFC 8941, section
// 4.2) and returns it if it is a String. Parameters must be well-formed, and are
// ignored.
func parseString(field string) (value string, ok bool) {
	in := structured(strings.TrimLeft(field, " "))
	if value, ok = in.string(); !ok || !in.parameters() {
		return "", false
	}
	return value, strings.TrimLeft(string(in), " ") == ""
}

// structured is what is left to be parsed. Its methods take what they parse off its
// front, and report whether it was well-formed.
type structured string

// next returns the first byte, 0 at the end; no byte of 0 is well-formed anywhere.
func (in structured) next() byte {
	if in == "" {
		return 0
	}
	return in[0]
}

// take takes c off the front, if it is there.
func (in *structured) take(c byte) bool {
	if *in == "" || (*in)[0] != c {
		return false
	}
	*in = (*in)[1:]
	return true
}

// span takes the longest prefix of bytes that are as is says.
func (in *structured) span(is func(byte) bool) string {
	n := 0
	for n < len(*in) && is((*in)[n]) {
		n++
	}
	taken := string((*in)[:n])
	*in = (*in)[n:]
	return taken
}

func (in *structured) string() (value string, ok bool) {
	if !in.take('"') {
		return "", false
	}
	var b strings.Builder
	for {
		c := in.next()
		switch {
		case c < ' ' || c > '~': // or the end
			return "", false
		case in.take('"'):
			return b.String(), true
		case in.take('\\'):
			if c = in.next(); c != '"' && c != '\\' {
				return "", false
			}
		}
		in.take(c)
		b.WriteByte(c)
	}
}

func (in *structured) parameters() bool {
	for in.take(';') {
		in.span(func(c byte) bool { return c == ' ' })
		if c := in.next(); !isLower(c) && c != '*' {
			return false
		}
		in.span(func(c byte) bool { return isLower(c) || isDigit(c) || strings.IndexByte("_-.*", c) >= 0 })
		if in.take('=') && !in.bare() {
			return false
		}
	}
	return true
}

// bare takes a bare item of any type.
func (in *structured) bare() bool {
	switch c := in.next(); {
	case c == '"':
		_, ok := in.string()
		return ok
	case c == '-', isDigit(c):
		return in.number()
	case c == '*', isLower(c | 0x20): // a token begins with a letter of any case
		in.span(isTokenByte)
		return true
	case in.take(':'):
		return isBase64(in.span(func(c byte) bool { return c != ':' })) && in.take(':')
	case in.take('?'):
		return in.take('0') || in.take('1')
	}
	return false
}

// number takes an Integer of up to 15 digits, or a Decimal of up to 12 and 3.
func (in *structured) number() bool {
	in.take('-')
	whole := len(in.span(isDigit))
	if !in.take('.') {
		return whole >= 1 && whole <= 15
	}
	fraction := len(in.span(isDigit))
	return whole >= 1 && whole <= 12 && fraction >= 1 && fraction <= 3
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isTokenByte(c byte) bool {
	return isLower(c|0x20) || isDigit(c) || c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~:/", c) >= 0
}

// isBase64 reports whether s is base64, with or without its padding.
func isBase64(s string) bool {
	digits := strings.TrimRight(s, "=")
	for i := range len(digits) {
		if c := digits[i]; !isLower(c|0x20) && !isDigit(c) && c != '+' && c != '/' {
			return false
		}
	}
	return len(s)-len(digits) <= 2 && len(digits)%4 != 1
}
