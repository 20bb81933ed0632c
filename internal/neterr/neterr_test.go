package neterr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/reprise-go/reprise/internal/neterr"
)

func op(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)}
}

// uncomparable must not make a comparison panic.
type uncomparable []string

func (uncomparable) Error() string { return "" }

func TestOf(t *testing.T) {
	mine := errors.New("invalid connection")
	for name, row := range map[string]struct {
		err  error
		want neterr.Traits
	}{
		"nothing":      {nil, 0},
		"unknown":      {errors.New("x"), 0},
		"uncomparable": {uncomparable{"x"}, 0},
		"refused":      {op(syscall.ECONNREFUSED), neterr.Lost},
		"files":        {op(syscall.EMFILE), neterr.Short},
		"no file":      {os.ErrNotExist, 0},
		"no socket":    {op(syscall.ENOENT), neterr.NoFile},
		"EOF":          {fmt.Errorf("x: %w", io.EOF), neterr.Lost},
		"driver's":     {fmt.Errorf("x: %w", mine), neterr.Lost},
		"name":         {&net.OpError{Op: "dial", Err: &net.DNSError{}}, neterr.DNS},
		"slow name":    {&net.DNSError{IsTimeout: true}, neterr.DNS},
		"context":      {context.DeadlineExceeded, neterr.Deadline},
		"canceled":     {fmt.Errorf("x: %w", context.Canceled), neterr.Canceled},
		"socket":       {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, neterr.Timeout},
		"tree":         {errors.Join(mine, fmt.Errorf("%w, %w", context.Canceled, &net.DNSError{})), neterr.Lost | neterr.Canceled | neterr.DNS},
	} {
		if got := neterr.Of(row.err, mine); got != row.want {
			t.Errorf("%s: %b, want %b", name, got, row.want)
		}
	}
}
