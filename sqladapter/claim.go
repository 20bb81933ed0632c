package sqladapter

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"time"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var _ txctx.Claimer = recordedWork{}

// replayWait is how long a replay waits for what earlier attempts may have left behind,
// at least.
const replayWait = time.Second

// Claim implements [txctx.Claimer]: the attempt's row of the ledger is written first,
// instead of last.
func (w recordedWork) Claim(ctx context.Context, k *txctx.Key) (*txctx.Answer, error) {
	last := w.lastClaim()
	w.get(ctx)
	if doom := w.c.Doomed(); doom != nil {
		return nil, doom
	}
	w.wrote.Store(true)
	l := &w.db.cfg.Ledger
	err := w.insertClaim(ctx, k)
	switch {
	case err == nil:
		*last = claimed{w.c.Number(), w.begun.conn.inner}
		return nil, nil
	case l.Duplicate(err):
		return w.find(ctx, k)
	case l.Bound != nil && w.db.cfg.Classify(w.fault(err, retryable.Statement)) == retryable.LockTimeout:
		if w.c.Number() == 1 {
			return nil, txctx.ErrKeyInUse
		}
		if last.conn != nil && l.EndOwner != nil && ctx.Err() == nil {
			l.EndOwner(ctx, last.conn)
		}
	}
	return nil, w.judge(ctx, err)
}

// insertClaim writes the row. It may wait for whoever has the key.
func (w recordedWork) insertClaim(ctx context.Context, k *txctx.Key) error {
	l := &w.db.cfg.Ledger
	c := w.begun.conn
	insert := l.Book.Claim(w.c.RunID(), w.c.Number(), k.ID, k.Fingerprint)
	if l.Bound == nil {
		return c.direct(ctx, insert)
	}
	wait := k.Wait
	if w.c.Number() > 1 {
		wait = max(wait, replayWait)
	}
	var server string
	if s, ok := c.inner.(Server); ok {
		server = s.ServerVersion()
	}
	before, insert, after := l.Bound(server, insert, wait)
	if before != "" {
		if err := c.direct(ctx, before); err != nil {
			return err
		}
	}
	err := c.direct(ctx, insert)
	if after != "" {
		if e := c.direct(ctx, after); e != nil {
			w.unusable.Store(true) // it would wait no longer for the locks of others, either
			if err == nil {
				err = e
			}
		}
	}
	return err
}

// find returns what is kept with a key that was found taken.
func (w recordedWork) find(ctx context.Context, k *txctx.Key) (*txctx.Answer, error) {
	l := &w.db.cfg.Ledger
	c := w.begun.conn
	if l.Renew != "" {
		if err := c.direct(ctx, l.Renew); err != nil {
			return nil, w.judge(ctx, err)
		}
	}
	row, err := c.row(ctx, l.Book.Find(k.ID), ledger.FindColumns)
	if err != nil {
		return nil, w.judge(ctx, err)
	}
	if row == nil { // purged since, or rolled back
		w.c.Doom(errVanished, retryable.Statement)
		return nil, errVanished
	}
	fingerprint, answer, err := l.Book.Read(row)
	switch {
	case err != nil:
		w.c.Doom(err, retryable.Statement)
		return nil, err
	case fingerprint != k.Fingerprint:
		return nil, txctx.ErrKeyReused
	}
	return (*txctx.Answer)(&answer), nil
}

// claimed is the last attempt of a run that had claimed its key, and its connection if
// that was lost: the server may not know, and keep the key locked.
type claimed struct {
	attempt int
	conn    driver.Conn
}

// lastClaim returns that of w's run.
func (w *work) lastClaim() *claimed {
	last, _ := txctx.Once(w.ctx, "github.com/reprise-go/reprise/sqladapter.claimed",
		func() (*claimed, error) { return new(claimed), nil })
	if last.attempt == w.c.Number()-1 && !w.c.AfterLoss() {
		last.conn = nil // it is in the pool, and somebody else's
	}
	return last
}

// row returns the last row that a query answers, as text, nil for none.
func (c *conn) row(ctx context.Context, query string, columns int) (row [][]byte, err error) {
	rows, finish, err := c.directRows(ctx, query)
	if err != nil {
		return nil, err
	}
	defer finish()
	dest := make([]driver.Value, columns)
	for { // to the end, since some drivers' Close does not watch ctx
		switch err := rows.Next(dest); err {
		case nil:
		case io.EOF: //nolint:errorlint // driver's contract
			return row, nil
		default:
			return nil, err
		}
		row = make([][]byte, columns)
		for i, v := range dest {
			switch v := v.(type) {
			case nil:
			case []byte:
				row[i] = bytes.Clone(v) // the driver's until the next row
			default:
				row[i] = fmt.Append(nil, v)
			}
		}
	}
}
