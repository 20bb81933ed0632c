package pgadapter

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// recordedWork is a work with a row in the ledger, so that what became of its COMMIT can
// be found out.
type recordedWork struct{ *work }

var _ txctx.Resolver = recordedWork{}

// errVanished: to be asked again.
var errVanished = &retryable.Error{
	Reason: retryable.Serialization,
	Err:    errors.New("pgadapter: the row of the ledger was there, and is gone"),
}

// SQLSTATEs that say where a row is.
const (
	uniqueViolation  = "23505" // it is committed
	lockNotAvailable = "55P03" // it may be
)

// Resolve implements [txctx.Resolver] by the ledger. A backend that waits for a
// synchronous standby is left to wait; its row is locked meanwhile.
func (w recordedWork) Resolve(ctx context.Context) (txctx.Outcome, error) {
	outcome, err := w.look(ctx)
	if err == nil {
		return outcome, nil
	}
	if err = w.mark(err, retryable.Connect); retryable.ReasonOf(err) == retryable.None {
		err = fmt.Errorf("pgadapter: the ledger cannot be asked: %w", err)
	}
	return txctx.Unknown, err
}

// look asks once, a server that takes writes.
//
// The connection is a new one: those of the pool may all be in use by those who wait
// for the locks of the attempt.
func (w recordedWork) look(ctx context.Context) (txctx.Outcome, error) {
	conn, err := w.db.connectAnew(ctx)
	if err != nil {
		return txctx.Unknown, err
	}
	defer closeConn(ctx, conn) // the server rolls back what is open
	run, attempt := w.c.RunID(), w.c.Number()
	// The row is committed by itself, and not by autocommit: an answer that is lost
	// must not make anybody send it again.
	_, err = script(ctx, conn, "begin isolation level read committed read write; set local lock_timeout = '1s'; "+
		w.db.book.Void(run, attempt))
	switch e := serverError(err); {
	case err == nil:
		results, err := script(ctx, conn, "commit")
		switch {
		case err != nil:
			return txctx.Unknown, err
		case results[0].CommandTag.String() != "COMMIT":
			return txctx.Unknown, errVanished
		}
		_, _ = script(ctx, conn, w.orphan().end()) // the replay would wait for its locks
		return txctx.RolledBack, nil
	case e != nil && e.Code == lockNotAvailable: // it is being committed, or sits on a key
		_, _ = script(ctx, conn, "rollback; "+w.orphan().end())
		return txctx.Unknown, err
	case e == nil || e.Code != uniqueViolation:
		return txctx.Unknown, err
	}
	results, err := script(ctx, conn, "rollback; "+w.db.book.Look(run, attempt))
	if err != nil {
		return txctx.Unknown, err
	}
	switch rows := results[1].Rows; {
	case len(rows) == 0: // somebody was about to commit it, and did not
		return txctx.Unknown, errVanished
	case string(rows[0][0]) == "1":
		return txctx.RolledBack, nil
	}
	return txctx.Committed, nil
}

// orphan is the session of an attempt whose connection was lost: the server may not learn
// that for hours.
func (w recordedWork) orphan() session { return session{w.pid, w.began} }

// script runs statements in one message.
func script(ctx context.Context, conn *pgx.Conn, sql string) ([]*pgconn.Result, error) {
	return conn.PgConn().Exec(ctx, sql).ReadAll()
}
