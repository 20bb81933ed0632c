package pgadapter

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/puddle/v2"

	"github.com/reprise-go/reprise/internal/neterr"
	"github.com/reprise-go/reprise/retryable"
)

// pgxLost are pgx's own errors of a connection that is gone.
var pgxLost = []error{pgconn.ErrConnClosed}

// judgeDriver judges what the server did not say.
func judgeDriver(f retryable.Fault) retryable.Reason {
	traits := neterr.Of(f.Err, pgxLost...)
	_, connecting := errors.AsType[*pgconn.ConnectError](f.Err)
	connect := connecting || f.Phase == retryable.Connect
	switch {
	case traits.Has(neterr.Short):
		return retryable.Overloaded
	case traits.Has(neterr.Lost),
		traits.Has(neterr.NoFile) && connecting, // the socket's, not one of the application's
		traits.Has(neterr.DNS) && connect:       // names vanish during a failover
		return retryable.Disconnected
	case traits.Has(neterr.Deadline | neterr.Timeout | neterr.Canceled):
		return judgeTimeout(traits, connecting, connect)
	case connect:
		return judgeConnect(f.Err, connecting)
	case garbled(f.Err):
		return retryable.Disconnected
	}
	return retryable.None
}

// judgeTimeout judges limits of time.
func judgeTimeout(traits neterr.Traits, connecting, connect bool) retryable.Reason {
	switch {
	case traits.Has(neterr.Canceled):
		return retryable.None
	case connecting:
		return retryable.Disconnected
	case connect:
		return retryable.Overloaded // waited for the pool
	case traits.Has(neterr.Deadline): // the statement's own limit
		return retryable.None
	}
	return retryable.Disconnected
}

// judgeConnect judges what is left of the errors while connecting.
func judgeConnect(err error, connecting bool) retryable.Reason {
	// target_session_attrs: the server is there and is not the one that is wanted.
	_, notPreferred := errors.AsType[*pgconn.NotPreferredError](err)
	switch {
	case errors.Is(err, puddle.ErrClosedPool):
		return retryable.None
	case notPreferred, connecting && strings.Contains(err.Error(), "ValidateConnect failed"):
		return retryable.Failover
	case strings.Contains(err.Error(), "pgxpool: too many failed attempts acquiring connection"):
		return retryable.Disconnected // the pool met nothing but dead connections
	}
	return retryable.None
}

// garbled reports whether the stream is out of step, so that the connection is lost.
func garbled(err error) bool {
	if _, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); ok {
		return true
	}
	// pgproto3 has no exported types for these.
	text := err.Error()
	for _, fragment := range []string{
		"unknown message type", "invalid message length", "invalid message body", "body is invalid", "body must have length of",
	} {
		if strings.Contains(text, fragment) {
			return true
		}
	}
	return false
}
