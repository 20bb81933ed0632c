package ledger

import (
	"encoding/hex"
	"fmt"
	"time"
)

// Book is a ledger in the language of an engine, for adapters. Its statements hold
// their values as literals, since some must travel in one message with others.
type Book struct {
	c      Config
	engine string
}

// Book returns the ledger for "postgres", "mysql" or "sqlite". It panics if c is
// invalid or no ledger, or the engine unknown.
func (c Config) Book(engine string) Book {
	_ = c.Schema(engine)
	return Book{c.WithDefaults(), engine}
}

// Create returns the statement, or on some engines the statements, that create the
// table where it is missing.
func (b Book) Create() string { return b.c.Schema(b.engine) }

// Retention returns how long rows are kept, at least.
func (b Book) Retention() time.Duration { return b.c.Retention }

// Mark returns the statement that records an attempt, to be sent last in its
// transaction. A duplicate key says that the attempt was found not to be committed, and
// must not be. On PostgreSQL it records nothing where the transaction has written
// nothing.
func (b Book) Mark(run [16]byte, attempt int) string {
	if b.engine == "postgres" {
		return fmt.Sprintf("insert into %s (run, attempt) select %s, %d where pg_current_xact_id_if_assigned() is not null",
			b.c.Table, b.id(run), attempt)
	}
	return fmt.Sprintf("insert into %s (run, attempt) values (%s, %d)", b.c.Table, b.id(run), attempt)
}

// Void returns the statement that records that an attempt was not committed. Sent in a
// transaction of its own, and committed, it makes sure of that. A duplicate key says
// that somebody was first; ask [Book.Look] who. It waits for an attempt that is being
// committed.
func (b Book) Void(run [16]byte, attempt int) string {
	return fmt.Sprintf("insert into %s (run, attempt, void) values (%s, %d, true)", b.c.Table, b.id(run), attempt)
}

// Look returns the query for the row of an attempt: one column, whether it is void, as
// 0 or 1.
func (b Book) Look(run [16]byte, attempt int) string {
	return fmt.Sprintf("select case when void then 1 else 0 end from %s where run = %s and attempt = %d",
		b.c.Table, b.id(run), attempt)
}

// PurgeBatch is how many rows [Book.Purge] deletes at most, so that no statement takes
// long.
const PurgeBatch = 5000

// Purge returns the statement that deletes up to [PurgeBatch] rows that are older than
// Config.Retention. Send it again until it deletes fewer.
func (b Book) Purge() string {
	seconds := int64(b.c.Retention / time.Second)
	switch b.engine {
	case "postgres":
		return fmt.Sprintf("delete from %[1]s where ctid = any(array(select ctid from %[1]s "+
			"where created_at < now() - interval '%[2]d seconds' limit %[3]d))", b.c.Table, seconds, PurgeBatch)
	case "mysql":
		return fmt.Sprintf("delete from %s where created_at < utc_timestamp(3) - interval %d second limit %d",
			b.c.Table, seconds, PurgeBatch)
	default:
		return fmt.Sprintf("delete from %[1]s where (run, attempt) in (select run, attempt from %[1]s "+
			"where created_at < cast(strftime('%%s', 'now') as integer) - %[2]d limit %[3]d)", b.c.Table, seconds, PurgeBatch)
	}
}

// id returns a run's id as a literal.
func (b Book) id(run [16]byte) string {
	digits := hex.EncodeToString(run[:])
	if b.engine == "postgres" {
		return "'" + digits + "'::uuid"
	}
	return "x'" + digits + "'"
}
