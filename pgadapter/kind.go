package pgadapter

import (
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/sqltext"
)

// kind is what a statement means for the question by which the outcome of its
// transaction can be found out: see trace.
type kind uint8

const (
	// quiet writes nothing, and no query may come before it or after it: at REPEATABLE
	// READ the first query takes the snapshot, and LOCK and SET TRANSACTION are there to
	// be before that.
	quiet kind = iota
	// reads plainly writes nothing.
	reads
	// late may write, and is like quiet otherwise.
	late
	// writes may write.
	writes
)

// statement is one of the handler's.
type statement struct {
	sql  string
	args []any
	kind
	*reading
}

// reading is what the text of a statement says.
type reading struct {
	kind  kind // without a rewriter
	shows bool // SHOW
	ends  bool // sent with BEGIN, it could end the transaction that it begins
	name  bool // it may be the name of a prepared statement

	// lonely: its arguments could not be encoded once. pgx gives up a connection with
	// which that happens behind BEGIN, so that it is not sent with BEGIN again: a text in
	// the place of a number costs one connection, and not one for each request.
	lonely atomic.Bool
}

// statement reads what the handler wants to send.
func (db *DB) statement(sql string, args []any) statement {
	s := statement{sql: sql, args: args, reading: db.texts.Of(sql)}
	s.kind = s.reading.kind
	for _, arg := range args {
		switch arg.(type) {
		case pgx.NamedArgs, pgx.StrictNamedArgs: // change the names of parameters only
		case pgx.QueryRewriter:
			s.kind = writes
		}
	}
	return s
}

// read reads a text.
func read(sql string) *reading {
	first, second := sqltext.Words(sql)
	r := &reading{shows: first == "show", name: !commands[first] || !strings.ContainsAny(sql, " \t\r\n")}
	switch verb, _ := sqltext.Parse(sql); verb {
	case sqltext.Begin, sqltext.Commit, sqltext.Rollback:
		r.ends = true
	default:
		r.ends = first == "prepare" && second == "transaction"
	}
	several := strings.Contains(strings.TrimRight(sql, "; \t\r\n"), ";")
	switch {
	case noSnapshot[first] && (first == "notify" || several):
		r.kind = late
	case noSnapshot[first]:
		r.kind = quiet
	case sqltext.Reads(sql):
		r.kind = reads
	default: // where there is doubt, too
		r.kind = writes
	}
	return r
}

// noSnapshot are the first words of statements for which PostgreSQL takes no snapshot.
var noSnapshot = wordSet(`abort begin checkpoint commit end fetch listen lock move notify release reset rollback
	savepoint set show start unlisten`)

// commands are the first words of statements.
var commands = wordSet(`abort alter analyze analyse begin call checkpoint close cluster comment commit copy create
	deallocate declare delete discard do drop end execute explain fetch grant import insert listen load lock merge
	move notify prepare reassign refresh reindex release reset revoke rollback savepoint security select set show
	start table truncate unlisten update vacuum values with`)

func wordSet(words string) map[string]bool {
	m := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}

// isText reports whether pgx would send s as it is, and not prepare it.
func (s *statement) isText() bool { return len(s.args) == 0 && !s.name }

// fits reports whether s can go with others. Batches of the simple protocol know no names.
func (db *DB) fits(s *statement) bool {
	if s.sql == "" {
		return false
	}
	for _, arg := range s.args {
		switch arg.(type) {
		case pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
			return false
		case pgx.QueryRewriter:
			continue // options may follow
		}
		break
	}
	return db.execMode != pgx.QueryExecModeSimpleProtocol || !s.name
}

// alone reports whether BEGIN must be sent by itself before s. A BEGIN of the user's may
// be several statements.
func (db *DB) alone(s *statement) bool {
	return db.cfg.TxOptions.BeginQuery != "" || s.ends || s.lonely.Load()
}
