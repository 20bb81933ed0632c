//go:build unix

package pgserver_test

import "testing"

func TestGoesWithItsProcess(t *testing.T) { engine.GoesWithItsProcess(t) }
