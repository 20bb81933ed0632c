package mariatest

import (
	"runtime"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver"
)

var clusters = dbtest.Servers[*mariaserver.Cluster, mariaserver.ClusterConfig]{
	Name:         "mariatest",
	Start:        mariaserver.StartCluster,
	NotInstalled: mariaserver.ErrNotInstalled,
}

// NewCluster starts a Galera cluster for the test alone. It is closed when the test
// ends. On macOS, which has no Galera, the test is skipped even where servers are
// required.
func NewCluster(tb testing.TB, cfg mariaserver.ClusterConfig) *mariaserver.Cluster {
	tb.Helper()
	if runtime.GOOS == "darwin" {
		tb.Skip("NOTHING WAS TESTED HERE: there is no Galera for macOS")
	}
	return clusters.New(tb, cfg)
}
