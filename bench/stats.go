package main

import (
	"fmt"
	"slices"

	"golang.org/x/perf/benchmath"
)

// estimate is a median with its confidence interval of 95 %.
type estimate struct{ Mid, Low, High float64 }

func (e estimate) String() string {
	if e.Mid == 0 {
		return "-"
	}
	off := max(e.High-e.Mid, e.Mid-e.Low) / e.Mid * 100
	if off > 999 { // too few rounds to tell
		return fmt.Sprintf("%.2f ± ∞", e.Mid)
	}
	return fmt.Sprintf("%.2f ± %.0f%%", e.Mid, off)
}

// ratio compares the rates of two measurements.
func ratio(m, base *measurement) estimate { return ratioOf(m, base, result.rate) }

// ratioOf compares two measurements round by round: what disturbed one round disturbed
// both.
func ratioOf(m, base *measurement, of func(result) float64) estimate {
	var ratios []float64
	for i := range min(len(m.Rounds), len(base.Rounds)) {
		if b := of(base.Rounds[i]); b > 0 {
			ratios = append(ratios, of(m.Rounds[i])/b)
		}
	}
	return summary(ratios)
}

func summary(values []float64) estimate {
	if len(values) == 0 {
		return estimate{}
	}
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(values, &benchmath.DefaultThresholds), 0.95)
	return estimate{s.Center, s.Lo, s.Hi}
}

// median returns the median of what of picks of the rounds.
func median(m *measurement, of func(result) float64) float64 {
	values := make([]float64, len(m.Rounds))
	for i, r := range m.Rounds {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
