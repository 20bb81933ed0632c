package errtree_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/reprise-go/reprise/internal/errtree"
)

type level int

func (l level) Error() string { return fmt.Sprint(int(l)) }

func TestStrictest(t *testing.T) {
	plain := errors.New("plain")
	tens := func(l level) int { return int(l) / 10 }
	for name, tt := range map[string]struct {
		err  error
		want level
		ok   bool
	}{
		"nil":                     {nil, 0, false},
		"none":                    {errors.Join(plain, fmt.Errorf("x: %w", plain)), 0, false},
		"itself":                  {level(7), 7, true},
		"wrapped":                 {fmt.Errorf("x: %w", level(7)), 7, true},
		"the strictest":           {errors.Join(level(7), fmt.Errorf("%w, %w", plain, level(21)), level(12)), 21, true},
		"of several, the first":   {errors.Join(plain, level(12), level(19)), 12, true},
		"zero is one":             {errors.Join(level(0), level(3)), 0, true},
		"in a tree within a tree": {fmt.Errorf("%w", errors.Join(errors.Join(plain, level(4)), level(5))), 4, true},
	} {
		if got, ok := errtree.Strictest(tt.err, tens); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %d %v, want %d %v", name, got, ok, tt.want, tt.ok)
		}
	}
}
