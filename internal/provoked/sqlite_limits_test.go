//go:build linux || darwin

package provoked_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/reprise-go/reprise/retryable"
)

const liteLimitedEnv = "REPRISE_PROVOKED_LIMITED"

// TestSQLiteLimits has the system refuse what SQLite does to its files, by limits that
// are the whole process's. So the test runs in one of its own. Go ignores SIGXFSZ: the
// write fails.
//
// Mutation seen to fail it: believe IOERR at COMMIT; no rollback hook; Overloaded for IOERR.
func TestSQLiteLimits(t *testing.T) {
	if os.Getenv(liteLimitedEnv) != "" {
		play(t, false, lite(liteOptions{}), liteLimits)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSQLiteLimits$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), liteLimitedEnv+"=1")
	out, err := cmd.CombinedOutput()
	if passed := strings.Count(string(out), "    --- PASS: "); err != nil || passed != len(liteLimits) {
		t.Errorf("%v, %d of %d passed:\n%s", err, passed, len(liteLimits), out)
	}
}

var liteLimits = []liteScenario{
	{
		row: "sq-021", name: "COMMIT, the WAL cannot grow", text: "disk I/O error",
		provoke: liteNoLonger("-wal"),
	},
	{
		row: "sq-021", name: "COMMIT, the file cannot be written", text: "disk I/O error",
		open: lite(liteOptions{params: "_journal=DELETE"}),
		provoke: func(a *liteAttempt) error {
			liteLimit(a, syscall.RLIMIT_FSIZE, 4096) // which is its first page
			return nil
		},
	},
	{
		name: "778 a statement needs more than its memory", text: "disk I/O error",
		gives: &verdict{code: "778", phase: retryable.Statement, kept: true},
		open:  lite(liteOptions{params: "_pragma=cache_size(10)"}),
		provoke: func(a *liteAttempt) error {
			if err := liteNoLonger("-wal")(a); err != nil {
				return err
			}
			return liteExec(liteABigRow)(a)
		},
	},
	{
		row: "sq-029", name: "no file can be opened", text: "unable to open database file",
		gives:    &verdict{code: "14", phase: retryable.Statement, kept: true},
		disputed: "the row's is a database that is not there; this is its journal",
		open:     lite(liteOptions{params: "_journal=DELETE"}),
		before:   func(a *liteAttempt) { liteLimit(a, syscall.RLIMIT_NOFILE, 0) },
	},
}

// liteNoLonger keeps all files of the process from growing beyond the length of one.
func liteNoLonger(suffix string) func(a *liteAttempt) error {
	return func(a *liteAttempt) error {
		info, err := os.Stat(a.db.file + suffix)
		if err != nil {
			return err
		}
		liteLimit(a, syscall.RLIMIT_FSIZE, uint64(info.Size()))
		return nil
	}
}

// liteLimit sets a limit of the process until the attempt is over.
func liteLimit(a *liteAttempt, resource int, value uint64) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(resource, &was); err != nil {
		a.Error(err)
	}
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: value, Max: was.Max}); err != nil {
		a.Error(err)
	}
	a.after(func() {
		if err := syscall.Setrlimit(resource, &was); err != nil {
			a.Error(err)
		}
	})
}
