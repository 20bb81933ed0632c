package outage_test

import (
	"os"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.NoLeaks(m.Run())) }
