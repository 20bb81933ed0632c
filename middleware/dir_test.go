package middleware_test

import (
	"os"
	"path/filepath"
	"testing"
)

// breakable is a folder that can be made unusable, also for root.
type breakable struct {
	t    *testing.T
	path string
}

func brokenDir(t *testing.T) *breakable {
	t.Helper()
	b := &breakable{t, filepath.Join(t.TempDir(), "dir")}
	if err := os.Mkdir(b.path, 0o700); err != nil {
		t.Fatal(err)
	}
	return b
}

// smash puts a file in the place of the folder.
func (b *breakable) smash() {
	b.t.Helper()
	if err := os.Remove(b.path); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path, nil, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
