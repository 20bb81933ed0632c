package sqladapter

import (
	"context"
	"database/sql/driver"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Gate implements [txctx.Gated].
func (db *DB) Gate() *txctx.Gate { return &db.gate }

// Probe implements [txctx.Gated]. Drivers whose connections are no [driver.Pinger] are
// asked for a connection, and nothing on it.
func (db *DB) Probe(ctx context.Context) error {
	inner, err := db.connector.Connect(ctx)
	if err == nil {
		defer inner.Close()
		if p, ok := inner.(driver.Pinger); ok {
			err = p.Ping(ctx)
		}
	}
	if err == nil {
		return nil
	}
	reason := db.cfg.Classify(retryable.Fault{Err: err, Phase: retryable.Connect})
	return hide(&retryable.Error{Reason: reason, Err: err})
}
