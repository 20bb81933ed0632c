package middleware

import (
	"regexp"
	"strings"
	"testing"
)

// TestParseString: the rules of RFC 8941, sections 3.1.2, 3.3 and 4.2.
func TestParseString(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		`"8e03978e-40d5-43dd-bc93-6894a57f9324"`: "8e03978e-40d5-43dd-bc93-6894a57f9324",
		`""`:                                     "",
		`"hello world"`:                          "hello world",
		`"\"\\"`:                                 `"\`,
		`" ~"`:                                   " ~",
		`   "a"  `:                               "a",
		`"a";b`:                                  "a",
		`"a";  b;*c=?1;d=?0`:                     "a",
		`"a";b=1;c=-999999999999999`:             "a",
		`"a";b=-123456789012.123`:                "a",
		`"a";b=tok/en:*;c=*x;d=T`:                "a",
		`"a";b="q\"";b-_.*9="again"`:             "a",
		`"a";b=:aGVsbG8=:;c=:aGVsbG8:`:           "a",
		`"a";b=::`:                               "a",
	} {
		if got, ok := parseString(field); !ok || got != want {
			t.Errorf("%s: %q, %t, want %q", field, got, ok, want)
		}
	}
	for _, field := range []string{
		``, ` `, `a`, `token`, `1`, `?1`, `:aGVsbG8=:`, `("a")`, `a="b"`, `'a'`, `“a”`,
		`"`, `"a`, `a"`, `"a\"`, `"\a"`, `"a\`, "\"a\x00\"", "\"a\tb\"", "\"a\x7f\"", "\"\x80\"", `"ü"`,
		`"a" b`, `"a""b"`, `"a", "b"`, `"a",`, "\"a\"\t", "\t\"a\"",
		`"a";`, `"a"; `, `"a" ;b`, `"a";B`, `"a";1`, `"a";b=`, `"a";b =1`, `"a";b= 1`, "\"a\";\tb", `"a";b;`,
		`"a";b=1234567890123456`, `"a";b=1.`, `"a";b=.1`, `"a";b=-`, `"a";b=1.1234`, `"a";b=1234567890123.1`,
		`"a";b=:`, `"a";b=:a`, `"a";b=:a:`, `"a";b=:a b:`, `"a";b=:====:`, `"a";b=?`, `"a";b=?2`, `"a";b="`, `"a";b=@1`,
		`"a";b=(1)`, `"a";b=t,`,
	} {
		if got, ok := parseString(field); ok {
			t.Errorf("%q is taken for %q", field, got)
		}
	}
}

// grammar is that of RFC 8941 for an Item that is a String, with parameters.
var grammar = func() *regexp.Regexp {
	const (
		text   = `"(?:[ !#-\[\]-~]|\\["\\])*"`
		number = `-?[0-9]{1,15}|-?[0-9]{1,12}\.[0-9]{1,3}`
		token  = "[A-Za-z*][A-Za-z0-9!#$%&'*+\\-.^_`|~:/]*"
		binary = `:(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3})?={0,2}:`
		key    = `[a-z*][a-z0-9_\-.*]*`
		bare   = text + `|` + number + `|` + token + `|` + binary + `|\?[01]`
	)
	return regexp.MustCompile(`^ *(` + text + `)(?:; *` + key + `(?:=(?:` + bare + `))?)* *$`)
}()

// FuzzParseString compares the parser with the grammar.
func FuzzParseString(f *testing.F) {
	for _, field := range []string{`"a\"\\";b=-1.5;c="x";*d=?1 `, ` "";a=:aGk=:;b=to/k`, "\"a\";b=\x00", `"a";b=1.;c`} {
		f.Add(field)
	}
	unescape := strings.NewReplacer(`\\`, `\`, `\"`, `"`)
	f.Fuzz(func(t *testing.T, field string) {
		got, ok := parseString(field)
		match := grammar.FindStringSubmatch(strings.ToValidUTF8(field, "\x7f"))
		if ok != (match != nil) {
			t.Fatalf("%q: parsed %t, by the grammar %t", field, ok, match != nil)
		}
		if ok && got != unescape.Replace(match[1][1:len(match[1])-1]) {
			t.Errorf("%q: %q", field, got)
		}
	})
}
