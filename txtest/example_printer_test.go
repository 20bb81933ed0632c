package txtest_test

import (
	"fmt"
	"testing"
)

// printer is the *testing.T of the examples: it prints what a test would fail with.
type printer struct {
	testing.TB
	cleanup []func()
}

func newPrinter() *printer { return new(printer) }

func (*printer) Helper()                           {}
func (*printer) Logf(string, ...any)               {}
func (*printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (p *printer) Cleanup(f func())                { p.cleanup = append(p.cleanup, f) }

func (p *printer) end() {
	for _, f := range p.cleanup {
		f()
	}
}
