package provoked_test

import (
	"os"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.NoLeaks(pgtest.Main(m))) }
