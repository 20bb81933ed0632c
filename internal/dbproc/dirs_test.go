package dbproc_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc"
)

func TestDirs(t *testing.T) {
	t.Chdir(t.TempDir())
	want := []string{"b/db-16.2", "a/db-9.6", "a/db"}
	for _, dir := range want {
		if err := os.MkdirAll(filepath.FromSlash(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got := dbproc.Dirs([]string{"[", "a/db*", "b/db*", "c"})
	for i := range got {
		got[i] = filepath.ToSlash(got[i])
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
