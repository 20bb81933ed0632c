package pgadapter

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/sqltext"
	"github.com/reprise-go/reprise/retryable"
)

// noteRead notes that a statement is more than a plain SELECT or SHOW.
func (w *work) noteRead(sql string, args []any) {
	if w.beyond || !w.onlyReads() {
		return
	}
	switch kindOf(sql, args) {
	case reads:
	case quiet:
		first, _ := sqltext.Words(sql)
		w.beyond = first != "show"
	default:
		w.beyond = true
	}
}

// onlyReads reports whether BEGIN has said that nothing is to be written, at a level at
// which nothing is refused at COMMIT: in so many words, since roles and databases may
// have other defaults.
func (w *work) onlyReads() bool {
	o := w.txOptions()
	return !w.db.cfg.WaitForReads && o.AccessMode == pgx.ReadOnly &&
		(o.IsoLevel == pgx.ReadCommitted || o.IsoLevel == pgx.RepeatableRead) &&
		o.CommitQuery == ""
}

// leaves reports whether the answer may leave before the end of the transaction is
// confirmed, since it can change nothing any more. Others than PostgreSQL itself may mean
// something else by these words. Call it when rows are closed.
func (w *work) leaves() bool {
	if w.beyond || w.cause != nil || w.drop || w.open != nil || !w.onlyReads() || w.c.HookMark() > 0 {
		return false
	}
	pg := w.conn.Conn().PgConn()
	return !pg.IsClosed() && pg.TxStatus() == 'T' && !imitates(pg)
}

// endLater ends the transaction after the attempt: the connection goes back into the pool
// then, and closing the pool waits for it.
func (w *work) endLater(query string) {
	conn, ctx := w.conn, context.WithoutCancel(w.ctx)
	w.brake.ease(true)
	w.conn, w.inner = nil, nil
	limit := w.c.Policy().CommitTimeout
	go func() {
		defer conn.Release() // which closes it where it is not clean
		if limit != retryable.Forever {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		_, _ = conn.Exec(ctx, query) // nobody is waiting for it
	}()
}
