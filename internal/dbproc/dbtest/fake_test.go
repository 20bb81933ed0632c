package dbtest_test

import (
	"runtime"
	"testing"
)

// fake is a test that notes how it ended.
type fake struct {
	testing.TB
	outcome string
}

func (f *fake) Helper()               {}
func (f *fake) Errorf(string, ...any) {}
func (f *fake) FailNow()              { f.end("failed") }
func (f *fake) Fatal(...any)          { f.end("failed") }
func (f *fake) Fatalf(string, ...any) { f.end("failed") }
func (f *fake) Skipf(string, ...any)  { f.end("skipped") }

func (f *fake) end(outcome string) {
	f.outcome = outcome
	runtime.Goexit()
}
