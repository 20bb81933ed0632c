// Package neterr reads out of an error's tree, in one walk, what it tells about the
// network and about this machine. It does not allocate.
package neterr

import (
	"context"
	"database/sql/driver"
	"io"
	"net"
	"syscall"
)

// Traits are what a tree tells.
type Traits uint8

const (
	Lost     Traits = 1 << iota // the connection is gone, or cannot be made
	Short                       // this machine is out of files, ports or memory
	NoFile                      // a file is not there: a socket's, or any other
	DNS                         // a name could not be resolved
	Deadline                    // context.DeadlineExceeded
	Canceled                    // context.Canceled
	Timeout                     // of the network, in other words than a context's
)

// Has reports whether t has one of the traits of any.
func (t Traits) Has(any Traits) bool { return t&any != 0 }

// Of returns the traits of err. lost are more errors that mean Lost, of the driver at
// hand.
func Of(err error, lost ...error) Traits {
	var t Traits
	for err != nil {
		t |= of(err, lost)
		switch x := err.(type) { //nolint:errorlint // this is the walk through the tree
		case interface{ Unwrap() error }:
			err = x.Unwrap()
		case interface{ Unwrap() []error }:
			for _, branch := range x.Unwrap() {
				t |= Of(branch, lost...)
			}
			return t
		default:
			return t
		}
	}
	return t
}

// of returns the traits of a node.
func of(err error, lost []error) Traits {
	switch err { //nolint:errorlint // the walk is Of's
	case io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, driver.ErrBadConn:
		return Lost
	case context.DeadlineExceeded:
		return Deadline
	case context.Canceled:
		return Canceled
	}
	for _, target := range lost {
		if err == target { //nolint:errorlint // the walk is Of's
			return Lost
		}
	}
	switch x := err.(type) { //nolint:errorlint // the walk is Of's
	case syscall.Errno:
		return ofErrno(x)
	case *net.DNSError:
		return DNS
	case net.Error:
		if x.Timeout() {
			return Timeout
		}
	}
	return 0
}

func ofErrno(errno syscall.Errno) Traits {
	switch errno {
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT, syscall.ENOTCONN,
		syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET:
		return Lost
	case syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN:
		return Short
	case syscall.ENOENT:
		return NoFile
	}
	return 0
}
