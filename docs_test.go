package reprise_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocsNameTestsThatExist: a document that points at a test must not point at
// one that was renamed.
func TestDocsNameTestsThatExist(t *testing.T) {
	defined := map[string]bool{}
	documents := map[string]string{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(path, "_test.go"):
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(read(t, path), -1) {
				defined[m[1]] = true
			}
		case strings.HasSuffix(path, ".md"):
			documents[path] = read(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range documents {
		for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(text, -1) {
			if !defined[m[1]] {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
	}
}

// TestEveryRuleHasATest: the rules are numbered 1 to 21.
func TestEveryRuleHasATest(t *testing.T) {
	var all strings.Builder
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			all.WriteString(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 21; n++ {
		if rule := "func TestRule" + string(rune('0'+n/10)) + string(rune('0'+n%10)) + "_"; !strings.Contains(all.String(), rule) {
			t.Errorf("no %s…", rule)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
