package torture

import "fmt"

// Violation is an invariant that does not hold.
type Violation struct {
	Invariant int
	What      string
}

func (v Violation) String() string { return fmt.Sprintf("invariant %d: %s", v.Invariant, v.What) }

// complaints collects the violations of one invariant.
type complaints struct {
	invariant int
	all       []Violation
}

func (c *complaints) addf(format string, args ...any) {
	c.all = append(c.all, Violation{c.invariant, fmt.Sprintf(format, args...)})
}
