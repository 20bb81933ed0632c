package pgadapter

// noteRead notes that a statement is more than a plain SELECT or SHOW.
func (w *work) noteRead(s *statement) {
	w.beyond = w.beyond || s.kind != reads && !s.shows
}

// leaves reports whether the answer may leave before the end of the transaction is
// confirmed, since it can change nothing any more. Others than PostgreSQL itself may mean
// something else by these words. Call it when rows are closed.
func (w *work) leaves() bool {
	if w.beyond || !w.mode.leaves || w.cause != nil || w.drop || w.open != nil || w.c.HookMark() > 0 {
		return false
	}
	pg := w.conn.Conn().PgConn()
	return !pg.IsClosed() && pg.TxStatus() == 'T' && !imitates(pg)
}
