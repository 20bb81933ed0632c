package scenarios

import (
	"flag"
	"os"
	"testing"

	"github.com/reprise-go/reprise/internal/torture"
)

func TestMain(m *testing.M) {
	serveApp()                         // in a process that startApp has started
	_ = flag.Set("test.parallel", "6") // unless the command line says otherwise: they mostly wait
	os.Exit(torture.Main(m))
}
