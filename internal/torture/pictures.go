package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/anishathalye/porcupine"
)

// pictures keeps the visualizations of histories that cannot be explained, the first few,
// in the folder that REPRISE_ARTIFACTS names, or in a temporary one that stays.
func pictures(tb testing.TB, r *Result) func(name string, m porcupine.Model, info porcupine.LinearizationInfo) {
	const most = 3
	kept := 0
	dir := os.Getenv("REPRISE_ARTIFACTS")
	return func(name string, m porcupine.Model, info porcupine.LinearizationInfo) {
		tb.Helper()
		if kept++; kept > most {
			return
		}
		var err error
		if dir == "" {
			dir, err = os.MkdirTemp("", "reprise-torture-")
		} else {
			err = os.MkdirAll(dir, 0o755)
		}
		path := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.html", r.Engine, r.Seed, name))
		if err == nil {
			err = porcupine.VisualizePath(m, info, path)
		}
		if err != nil {
			tb.Errorf("the picture of what went wrong cannot be kept: %v", err)
			return
		}
		tb.Logf("what went wrong: %s", path)
	}
}
