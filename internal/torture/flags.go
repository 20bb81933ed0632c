package torture

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	requests = flag.Int("torture.requests", 0, "requests of a storm; 0: as many as the form of the torture has")
	long     = flag.Bool("torture.long", false, "the long form of the torture: 10,000 requests for each engine")
	seed     = flag.Uint64("torture.seed", 0, "the seed of schedules and requests; 0: a random one, which is printed")
	engines  = flag.String("torture.engine", "", "the only engine to torture, postgres or mariadb; all")
)

// Requests returns how many requests a storm is to have: those of the flag, or of the
// form: tiny for go test -short.
func Requests(tiny, short, whole int) int {
	switch {
	case *requests > 0:
		return *requests
	case *long:
		return whole
	case testing.Short():
		return tiny
	}
	return short
}

// NotShort skips what go test -short leaves to make torture.
func NotShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("NOTHING WAS TESTED HERE: run `make torture`")
	}
}

// Seed returns the flag's, or a random one.
func Seed() uint64 {
	if *seed != 0 {
		return *seed
	}
	return 1 + rand.Uint64N(1<<32)
}

// Chosen returns every engine, or that of the flag.
func Chosen() []Engine {
	if *engines == "" {
		return Engines
	}
	return []Engine{Engine(*engines)}
}

// ForEngines runs a test on every engine, or on that of the flag.
func ForEngines(t *testing.T, test func(t *testing.T, e Engine)) {
	t.Helper()
	for _, e := range Chosen() {
		t.Run(string(e), func(t *testing.T) { test(t, e) })
	}
}
