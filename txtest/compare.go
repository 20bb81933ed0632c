package txtest

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// compile panics where a pattern is none.
func compile(patterns []string) []*regexp.Regexp {
	var all []*regexp.Regexp
	for i, p := range patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			panic(fmt.Sprintf("txtest: Shaker.Ignore[%d]: %v", i, err))
		}
		all = append(all, re)
	}
	return all
}

// cut cuts out what is not to be compared.
func cut(b []byte, ignore []*regexp.Regexp) []byte {
	for _, re := range ignore {
		b = re.ReplaceAll(b, nil)
	}
	return b
}

// headerDifference is a header that is not the same, with all its values.
type headerDifference struct{ name, a, b string }

func headerDifferences(a, b http.Header, ignore []*regexp.Regexp) []headerDifference {
	all := maps.Clone(a)
	maps.Copy(all, b)
	var found []headerDifference
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d := headerDifference{name, strings.Join(a[name], ", "), strings.Join(b[name], ", ")}
		if !bytes.Equal(cut([]byte(name+": "+d.a), ignore), cut([]byte(name+": "+d.b), ignore)) {
			found = append(found, d)
		}
	}
	return found
}

// around is how many bytes of a difference are shown.
const around = 24

// firstDifference finds the first byte that differs once what is not to be compared has
// been cut out, and returns what stands around it.
func firstDifference(a, b []byte, ignore []*regexp.Regexp) (at int, was, is string, differ bool) {
	a, b = cut(a, ignore), cut(b, ignore)
	if bytes.Equal(a, b) {
		return 0, "", "", false
	}
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	from := max(0, at-around/2)
	return at, string(a[from:min(len(a), from+around)]), string(b[from:min(len(b), from+around)]), true
}

// statementDifference returns the first statements that differ, the same twice for none.
// Statements of several goroutines may come in any order.
func statementDifference(a, b []string) (was, is string) {
	if slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))) {
		return "", ""
	}
	for i := range max(len(a), len(b)) {
		if was, is = nth(a, i), nth(b, i); was != is {
			break
		}
	}
	return was, is
}

func nth(statements []string, i int) string {
	if i < len(statements) {
		return fmt.Sprintf("statement %d (%s)", i+1, statements[i])
	}
	return "the end"
}
