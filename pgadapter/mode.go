package pgadapter

import "github.com/jackc/pgx/v5"

// mode is how transactions are begun. A DB has two, of which one is READ ONLY.
type mode struct {
	pgx.TxOptions
	begin   string // in SQL
	records bool   // attempts have a row in the ledger, if they write
	traces  bool   // the outcome is to be found out by the transaction's trace
	leaves  bool   // plain reads need not wait for COMMIT
}

func (c Config) mode(readOnly bool) mode {
	o := c.TxOptions
	if readOnly {
		o.AccessMode = pgx.ReadOnly
	}
	writes := o.AccessMode != pgx.ReadOnly
	return mode{
		TxOptions: o,
		begin:     beginSQL(o),
		records:   c.Ledger.On() && writes,
		traces:    !c.Ledger.On() && !c.NoVerdict && writes,
		// In so many words, since roles and databases may have other defaults: at these
		// levels nothing is refused at COMMIT.
		leaves: !c.WaitForReads && !writes && o.CommitQuery == "" &&
			(o.IsoLevel == pgx.ReadCommitted || o.IsoLevel == pgx.RepeatableRead),
	}
}

// beginSQL returns BEGIN with options. Only a batch tells.
func beginSQL(o pgx.TxOptions) string {
	var b pgx.Batch
	b.BeginTx(o)
	return b.QueuedQueries[0].SQL
}

// txOn returns pgx's transaction on a connection that is in one. It does no I/O: only a
// batch can make one without sending BEGIN, and this one is empty.
func (m *mode) txOn(w *work) pgx.Tx {
	var b pgx.Batch
	b.BeginTx(m.TxOptions)
	b.QueuedQueries = nil
	return w.conn.Conn().SendBatch(w.ctx, &b).Tx()
}
