package pgadapter

import "time"

// Linger sets how long connections rest after a plain read, and how long they go without
// being given back.
func (db *DB) Linger(linger, held time.Duration) { db.resting.linger, db.resting.held = linger, held }

// Wake ends what rests.
func (db *DB) Wake() {
	for r := db.resting.take(); r != nil; r = db.resting.take() {
		r.finish()
	}
}
