package pgadapter

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var _ txctx.Gated = (*DB)(nil)

// Gate implements [txctx.Gated].
func (db *DB) Gate() *txctx.Gate { return &db.gate }

// Probe implements [txctx.Gated].
func (db *DB) Probe(ctx context.Context) error {
	conn, err := db.connectAnew(ctx)
	if err == nil {
		defer func() { _ = conn.Close(ctx) }()
		err = conn.Ping(ctx) // a pooler may have nothing behind it
	}
	if err == nil {
		return nil
	}
	reason := db.cfg.Classify(retryable.Fault{Err: err, Phase: retryable.Connect})
	if reason == retryable.None {
		return err
	}
	return &retryable.Error{Reason: reason, Err: fmt.Errorf("pgadapter: %w", err)}
}

// connectAnew makes a connection as the pool does, past the pool.
func (db *DB) connectAnew(ctx context.Context) (*pgx.Conn, error) {
	cfg := db.pool.Config()
	if before := cfg.BeforeConnect; before != nil { // it may have the password
		if err := before(ctx, cfg.ConnConfig); err != nil {
			return nil, err
		}
	}
	return pgx.ConnectConfig(ctx, cfg.ConnConfig)
}
