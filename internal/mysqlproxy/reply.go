package mysqlproxy

// reply is where in the reply to a command the server is.
type reply struct {
	at   place
	left int // definitions, the EOFs after them with those
}

type place uint8

const (
	begins      place = iota // a reply, or the next of its results
	definitions              // of what was prepared
	columns                  // of a result set
	columnsEnd
	rows
)

// Status flags.
const (
	moreResults  = 0x08
	cursorExists = 0x40
)

// next returns the kind of the message p of the reply to a command of type typ,
// and whether it completes it.
func (r *reply) next(typ byte, p []byte, c caps) (kind byte, ends bool) {
	if isErr(p) { // nothing else begins like it
		if uint16At(p, 1) == 0xffff {
			return Progress, false
		}
		return ERR, true
	}
	switch r.at {
	case begins:
		return r.begin(typ, p, c)
	case definitions:
		r.left--
		if first(p) == EOF {
			return EOF, r.left == 0
		}
		return Column, r.left == 0
	case columns:
		if r.left--; r.left == 0 {
			r.columnsOver(c)
		}
		return Column, false
	case columnsEnd:
		r.at = rows
		return EOF, status(p)&cursorExists != 0 // the rows are fetched by ComStmtFetch
	}
	return r.row(p, c)
}

func (r *reply) begin(typ byte, p []byte, c caps) (kind byte, ends bool) {
	switch kind = first(p); {
	case typ == ComStatistics:
		return Text, true
	case typ == ComStmtFetch:
		r.at = rows
		return r.row(p, c)
	case typ == ComFieldList && kind != EOF:
		return Column, false
	case typ == ComStmtPrepare && kind == OK:
		for _, n := range []int{uint16At(p, 5), uint16At(p, 7)} {
			if r.left += n; n > 0 && c&deprecateEOF == 0 {
				r.left++
			}
		}
		r.at = definitions
		return Prepared, r.left == 0
	case kind == OK:
		return OK, status(p)&moreResults == 0
	case kind == EOF:
		return EOF, true
	case kind == Infile:
		return Infile, false // and after the file an OK
	}
	n, rest := lenenc(p)
	r.at, r.left = columns, int(n)
	if c&cacheMetadata != 0 && len(rest) > 0 && rest[0] == 0 {
		r.left = 0 // the client knows them
	}
	if r.left == 0 {
		r.columnsOver(c)
	}
	return Columns, false
}

// columnsOver goes on after the last column.
func (r *reply) columnsOver(c caps) {
	r.at = columnsEnd
	if c&deprecateEOF != 0 {
		r.at = rows
	}
}

func (r *reply) row(p []byte, c caps) (kind byte, ends bool) {
	limit := 9 // bytes; a row that begins like an EOF is longer
	if c&deprecateEOF != 0 {
		limit = maxPayload
	}
	if first(p) != EOF || len(p) >= limit {
		return Row, false
	}
	r.at = begins
	return EOF, status(p)&moreResults == 0
}
