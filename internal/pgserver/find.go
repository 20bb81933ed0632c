package pgserver

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// usualPlaces is where packages put the server's programs without adding them
// to PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/local/pgsql/bin",
	"/usr/libexec/postgresql*",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	`C:\Program Files\PostgreSQL\*\bin`,
}

// tools are the paths of the programs.
type tools struct{ initdb, postgres string }

// find looks in dir or, where that is "", in PATH and the usual places.
func find(dir string) (tools, error) {
	if dir != "" {
		if t, ok := in(dir); ok {
			return t, nil
		}
		return tools{}, fmt.Errorf("%w: no initdb and postgres in %s", ErrNotInstalled, dir)
	}
	initdb, err1 := exec.LookPath("initdb")
	postgres, err2 := exec.LookPath("postgres")
	if err1 == nil && err2 == nil {
		return tools{initdb, postgres}, nil
	}
	for _, dir := range dbproc.Dirs(usualPlaces) {
		if t, ok := in(dir); ok {
			return t, nil
		}
	}
	return tools{}, fmt.Errorf("%w: no initdb and postgres in PATH, %s", ErrNotInstalled, strings.Join(usualPlaces, ", "))
}

// in reports whether dir holds both programs.
func in(dir string) (tools, bool) {
	initdb, err1 := exec.LookPath(filepath.Join(dir, "initdb"))
	postgres, err2 := exec.LookPath(filepath.Join(dir, "postgres"))
	return tools{initdb, postgres}, err1 == nil && err2 == nil
}
