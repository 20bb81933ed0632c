package outage_test

import (
	"flag"
	"testing"
	"time"
)

var (
	long    = flag.Bool("outage.long", false, "the long form: outages of up to 30 s at up to 500 requests a second")
	svgPath = flag.String("outage.svg", "", "the file for the picture of TestCurves")
)

// form returns what the chosen form of the tests has.
func form[T any](short, whole T) T {
	if *long {
		return whole
	}
	return short
}

// The time that passes before an outage, so that there is something to compare with.
func before() time.Duration { return form(1500*time.Millisecond, 5*time.Second) }

// parallel lets tests of the short form run beside each other. The long form measures.
func parallel(t *testing.T) {
	if !*long {
		t.Parallel()
	}
}
