package pgadapter

import (
	"strings"

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

// noSnapshot are the first words of statements for which PostgreSQL takes no snapshot.
var noSnapshot = wordSet(`abort begin checkpoint commit end fetch listen lock move notify release reset rollback
	savepoint set show start unlisten`)

// kindOf is where doubt means writes.
func kindOf(sql string, args []any) kind {
	for _, arg := range args {
		switch arg.(type) {
		case pgx.NamedArgs, pgx.StrictNamedArgs: // change the names of parameters only
		case pgx.QueryRewriter:
			return writes
		}
	}
	if first, _ := sqltext.Words(sql); noSnapshot[first] {
		if first == "notify" || strings.Contains(strings.TrimRight(sql, "; \t\r\n"), ";") {
			return late
		}
		return quiet
	}
	if sqltext.Reads(sql) {
		return reads
	}
	return writes
}

// commands are the first words of statements.
var commands = wordSet(`abort alter analyze analyse begin call checkpoint close cluster comment commit copy create
	deallocate declare delete discard do drop end execute explain fetch grant import insert listen load lock merge
	move notify prepare reassign refresh reindex release reset revoke rollback savepoint security select set show
	start table truncate unlisten update vacuum values with`)

// isText reports whether pgx would send a statement as it is, and not prepare it.
func isText(sql string, args []any) bool { return len(args) == 0 && !isName(sql) }

// isName reports whether sql may be the name of a prepared statement.
func isName(sql string) bool {
	first, _ := sqltext.Words(sql)
	return !commands[first] || !strings.ContainsAny(sql, " \t\r\n")
}

// ends reports whether sql, sent with BEGIN, could end the transaction that it begins:
// if the answer is lost then, it is not known that nothing was committed.
func ends(sql string) bool {
	switch verb, _ := sqltext.Parse(sql); verb {
	case sqltext.Begin, sqltext.Commit, sqltext.Rollback:
		return true
	}
	first, second := sqltext.Words(sql)
	return first == "prepare" && second == "transaction"
}

// fits reports whether a statement can go with others. Batches of the simple protocol
// know no names.
func (db *DB) fits(sql string, args []any) bool {
	if sql == "" {
		return false
	}
	for _, arg := range args {
		switch arg.(type) {
		case pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
			return false
		case pgx.QueryRewriter:
			continue // options may follow
		}
		break
	}
	return db.mode != pgx.QueryExecModeSimpleProtocol || !isName(sql)
}

func wordSet(words string) map[string]bool {
	m := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}
