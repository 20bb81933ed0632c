package dbtest

import (
	"fmt"
	"os"

	"go.uber.org/goleak"
)

// NoLeaks looks for goroutines that are left when the tests are over and the
// shared server is closed. It returns status, or 1 where there are some:
//
//	func TestMain(m *testing.M) { os.Exit(dbtest.NoLeaks(pgtest.Main(m))) }
func NoLeaks(status int) int {
	if status != 0 {
		return status
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
