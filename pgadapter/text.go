package pgadapter

import (
	"context"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// text is a flush of what pgx sends as it is: a statement without arguments, or several
// in one text.
type text struct {
	flush
	tag pgconn.CommandTag
	err error
}

// execText runs f's text. The tag is that of its last statement.
func (f *flush) execText(ctx context.Context) (pgconn.CommandTag, error) {
	t := &text{flush: *f}
	if !t.begins {
		t.run(ctx, t.w.conn.Conn())
		return t.tag, t.err
	}
	if err := t.w.begin(ctx, t.open); err != nil {
		return pgconn.CommandTag{}, err
	}
	return t.tag, t.err
}

// open is t as an opening.
func (t *text) open(ctx context.Context, conn *pgx.Conn) error {
	if err := t.w.probe(ctx, conn); err != nil {
		return err
	}
	if t.run(ctx, conn) {
		return nil
	}
	if e := serverError(t.err); e != nil && t.placed == e { // not a word was run
		return &unbegun{err: t.err, server: true}
	}
	if !conn.IsClosed() && serverError(t.err) == nil {
		return &unbegun{err: t.err} // pgx sent nothing
	}
	return t.err
}

// run reports whether there was any answer but an error.
func (t *text) run(ctx context.Context, conn *pgx.Conn) (answered bool) {
	ctx, spy := t.w.db.spyOn(ctx, conn, t.one.sql, nil)
	sql := t.one.sql
	before := 0 // results that are not the handler's
	if t.begins {
		end, begin := t.w.opening(conn)
		sql = begin + ";" + sql
		before++
		if end != "" {
			sql = end + ";" + sql
			before++
		}
		t.shift = len(sql) - len(t.one.sql)
	}
	asks, length := t.asks && traceable(conn), utf8.RuneCountInString(sql)
	if asks {
		sql += "\n;" + questionOf(conn) // the line may end in a comment
	}
	results := conn.PgConn().Exec(ctx, sql)
	t.tag = pgconn.CommandTag{}
	for results.NextResult() {
		r := results.ResultReader()
		isTrace := asks && len(r.FieldDescriptions()) > 0 && r.FieldDescriptions()[0].Name == traceColumn
		if isTrace && r.NextRow() {
			t.w.trace.learn(r.Values())
		}
		tag, err := r.Close()
		switch {
		case err != nil:
		case before > 0:
			before--
		case !isTrace:
			t.tag = tag
		}
		answered = true
	}
	err := results.Close()
	if e := serverError(err); asks && e != nil && int(e.Position) > length {
		t.err = t.w.traceFailed(err)
	} else {
		t.err = t.fix(err)
	}
	spy.end(t.tag, t.err)
	return answered
}
