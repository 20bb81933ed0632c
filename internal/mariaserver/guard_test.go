//go:build unix

package mariaserver_test

import "testing"

func TestGoesWithItsProcess(t *testing.T) { engine.GoesWithItsProcess(t) }
