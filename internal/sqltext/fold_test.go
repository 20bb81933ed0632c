package sqltext_test

import (
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/sqltext"
)

func TestContainsFold(t *testing.T) {
	for _, s := range []string{"", "a", "Restart Read Required", "xxRESTART", "restar", "ÄB", "b"} {
		for _, fragment := range []string{"", "a", "restart", "read required", "b", "restart read required at"} {
			want := strings.Contains(strings.ToLower(s), fragment)
			if got := sqltext.ContainsFold(s, fragment); got != want {
				t.Errorf("ContainsFold(%q, %q) = %v", s, fragment, got)
			}
		}
	}
}
