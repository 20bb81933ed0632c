package accounts

import (
	"context"
	"database/sql"
	"strconv"
	"sync/atomic"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

var savepoints atomic.Uint64

// savepoint is a part of the request's transaction that ent takes for one of its
// own.
type savepoint struct {
	entsql.Conn
	ctx  context.Context
	name string
}

func newSavepoint(ctx context.Context, tx *sql.Tx) (dialect.Tx, error) {
	s := savepoint{
		Conn: entsql.Conn{ExecQuerier: tx},
		ctx:  ctx,
		name: "ent_" + strconv.FormatUint(savepoints.Add(1), 10),
	}
	return s, s.send("savepoint ")
}

func (s savepoint) send(verb string) error {
	_, err := s.ExecContext(s.ctx, verb+s.name)
	return err
}

// Commit implements [dialect.Tx]. It commits nothing: the request does.
func (s savepoint) Commit() error { return s.send("release savepoint ") }

// Rollback implements [dialect.Tx].
func (s savepoint) Rollback() error { return s.send("rollback to savepoint ") }
