package mariaserver

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// usualPlaces is where packages put the server's programs without adding them
// to everybody's PATH.
var usualPlaces = []string{
	"/usr/bin",
	"/usr/sbin",
	"/usr/libexec",
	"/usr/local/mysql/bin",
	"/usr/local/mysql/scripts",
	"/opt/homebrew/opt/mariadb*/bin",
	"/usr/local/opt/mariadb*/bin",
}

// tools are the paths of the programs.
type tools struct{ install, server string }

// find looks in dir or, where that is "", in PATH and the usual places.
func find(dir string) (t tools, err error) {
	if runtime.GOOS == "windows" { // where mariadb-install-db is another program
		return tools{}, fmt.Errorf("%w: not tried on Windows", ErrNotInstalled)
	}
	dirs, searched := []string{dir}, dir
	if dir == "" {
		dirs = append([]string{""}, dbproc.Dirs(usualPlaces)...)
		searched = "PATH, " + strings.Join(usualPlaces, ", ")
	}
	t.install = look(dirs, "mariadb-install-db")
	t.server = look(dirs, "mariadbd", "mysqld")
	if t.install == "" || t.server == "" {
		return tools{}, fmt.Errorf("%w: no mariadbd and mariadb-install-db in %s", ErrNotInstalled, searched)
	}
	return t, nil
}

// look returns the path of the first of names that is in one of dirs, "" meaning
// PATH.
func look(dirs []string, names ...string) string {
	for _, name := range names {
		for _, dir := range dirs {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path
			}
		}
	}
	return ""
}
