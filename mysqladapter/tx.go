package mysqladapter

import (
	"context"
	"database/sql/driver"

	"github.com/reprise-go/reprise/sqladapter"
)

// tx is a transaction of the driver, which sends COMMIT and ROLLBACK under no context
// and would read for ever where no answer comes. As statements they run under one:
// when it ends, the driver closes the connection.
type tx struct{ conn *conn }

var _ sqladapter.ContextTx = (*tx)(nil)

// CommitContext implements [sqladapter.ContextTx]. It looks at the socket first, for a
// microsecond: on a connection that the server has closed COMMIT would be sent, and
// nobody could say what became of it.
func (t *tx) CommitContext(ctx context.Context) error {
	if err := t.conn.ResetSession(ctx); err != nil {
		return driver.ErrBadConn // to Classify: nothing was sent
	}
	return t.send(ctx, "COMMIT")
}

// RollbackContext implements [sqladapter.ContextTx].
func (t *tx) RollbackContext(ctx context.Context) error { return t.send(ctx, "ROLLBACK") }

// Commit implements [driver.Tx].
func (t *tx) Commit() error { return t.CommitContext(context.Background()) }

// Rollback implements [driver.Tx].
func (t *tx) Rollback() error { return t.RollbackContext(context.Background()) }

func (t *tx) send(ctx context.Context, query string) error {
	t.conn.session.inTx = false
	_, err := t.conn.raw.ExecContext(ctx, query, nil)
	return err
}
