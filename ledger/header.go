package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A header is kept as a JSON object of lists, so that it can be read in the table. Its
// values are bytes, and not always UTF-8: each byte becomes the character of its number.
// All that is not ASCII is escaped, so that no character set of a database matters.

func encodeHeader(h map[string][]string) []byte {
	text := make(map[string][]string, len(h))
	for name, values := range h {
		var list []string // stays nil for a nil one
		if values != nil {
			list = make([]string, len(values))
		}
		for i, v := range values {
			list[i] = fromBytes(v)
		}
		text[fromBytes(name)] = list
	}
	var plain strings.Builder
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic("ledger: " + err.Error()) // of nothing but strings
	}
	var ascii []byte
	for _, r := range strings.TrimSuffix(plain.String(), "\n") {
		if r < utf8.RuneSelf {
			ascii = append(ascii, byte(r))
		} else {
			ascii = fmt.Appendf(ascii, `\u%04x`, r)
		}
	}
	return ascii
}

func decodeHeader(text []byte) (map[string][]string, error) {
	var h map[string][]string
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, err
	}
	decoded := make(map[string][]string, len(h))
	for name, values := range h {
		for i, v := range values {
			values[i] = toBytes(v)
		}
		decoded[toBytes(name)] = values
	}
	return decoded, nil
}

func fromBytes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func toBytes(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
