package sqltext_test

import (
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/sqltext"
)

func TestFold(t *testing.T) {
	long := strings.Repeat("x", 250)
	for _, s := range []string{
		"", "a", "Restart Read Required", "xxRESTART", "restar", "ÄB", "b", long + "Restart Read Required", long + long + "Restart",
	} {
		folded := sqltext.Fold(s)
		for _, fragment := range []string{"", "a", "restart", "read required", "b", "restart read required at", "xxxxrest"} {
			want := strings.Contains(strings.ToLower(s), fragment)
			if got := folded.Contains([]byte(fragment)); got != want {
				t.Errorf("%q in %q: %v", fragment, s, got)
			}
		}
	}
}
