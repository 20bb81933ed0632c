package txtest

import (
	"runtime"
	"time"
)

// goroutines is how many there were.
type goroutines int

func countGoroutines() goroutines { return goroutines(runtime.NumGoroutine()) }

// patience is how long goroutines of handlers may go on before the report.
const patience = 250 * time.Millisecond

// settle gives goroutines that were started since the time to end. Pools keep some.
func (before goroutines) settle() {
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > int(before) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}
