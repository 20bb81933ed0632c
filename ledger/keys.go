package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// Answer is what is kept with a key, for those who come with it again.
type Answer struct {
	Status int
	Header map[string][]string
	Body   []byte
}

// Claim returns the statement that claims a key for an attempt, to be sent first in its
// transaction. It writes the row that [Book.Mark] would write last, so that nobody can
// write another with that key before the transaction has ended: who tries has to wait,
// and gets a duplicate key if it was committed.
func (b Book) Claim(run [16]byte, attempt int, key, fingerprint [32]byte) string {
	return fmt.Sprintf("insert into %s (run, attempt, key_hash, fingerprint) values (%s, %d, %s, %s)",
		b.c.Table, b.id(run), attempt, b.bytes(key[:]), b.bytes(fingerprint[:]))
}

// Keep returns the statement that adds an answer to the row of an attempt that has
// claimed a key. Send it last, instead of [Book.Mark].
func (b Book) Keep(run [16]byte, attempt int, a Answer) string {
	return fmt.Sprintf("update %s set status = %d, header = %s, body = %s where run = %s and attempt = %d",
		b.c.Table, a.Status, b.ascii(encodeHeader(a.Header)), b.bytes(a.Body), b.id(run), attempt)
}

// FindColumns is how many columns [Book.Find] has.
const FindColumns = 4

// Find returns the query for the row of a key: at most one, and for [Book.Read].
func (b Book) Find(key [32]byte) string {
	columns := "fingerprint, status, header, body"
	if b.engine == "postgres" { // what bytea looks like is a setting
		columns = "encode(fingerprint, 'hex'), status, header, encode(body, 'hex')"
	}
	return fmt.Sprintf("select %s from %s where key_hash = %s", columns, b.c.Table, b.bytes(key[:]))
}

// A transaction was committed by a statement of its own, in the middle: whatever else
// was done is unknown, and so is the answer.
var errUnanswered = errors.New("ledger: what has this key was committed without an answer, by a statement such as COMMIT or CREATE TABLE")

// Read reads a row of [Book.Find]. It fails where the transaction that has the key was
// committed by other means than its answer, and where the row is none of this package.
func (b Book) Read(row [][]byte) (fingerprint [32]byte, a Answer, err error) {
	if len(row) != FindColumns {
		return fingerprint, a, fmt.Errorf("ledger: a row of %d columns", len(row))
	}
	if len(row[1]) == 0 {
		return fingerprint, a, errUnanswered
	}
	mark, body := row[0], row[3]
	if b.engine == "postgres" {
		var errs [2]error
		mark, errs[0] = hex.AppendDecode(nil, mark)
		body, errs[1] = hex.AppendDecode(nil, body)
		err = errors.Join(errs[:]...)
	}
	if err == nil && len(mark) != len(fingerprint) {
		err = fmt.Errorf("a fingerprint of %d bytes", len(mark))
	}
	copy(fingerprint[:], mark)
	if err == nil {
		a.Status, err = strconv.Atoi(string(row[1]))
	}
	if err == nil {
		a.Header, err = decodeHeader(row[2])
	}
	if err != nil {
		return fingerprint, Answer{}, fmt.Errorf("ledger: what is kept with this key cannot be read: %w", err)
	}
	a.Body = body
	return fingerprint, a, nil
}

// bytes returns a binary literal. Neither has a backslash, which settings could give a
// meaning to.
func (b Book) bytes(v []byte) string {
	digits := hex.EncodeToString(v)
	if b.engine == "postgres" {
		return "decode('" + digits + "', 'hex')"
	}
	return "x'" + digits + "'"
}

// ascii returns a literal of a text in ASCII.
func (b Book) ascii(text []byte) string {
	switch literal := b.bytes(text); b.engine {
	case "postgres":
		return "convert_from(" + literal + ", 'UTF8')"
	case "sqlite":
		return "cast(" + literal + " as text)"
	default: // the column is of ASCII, too
		return literal
	}
}
