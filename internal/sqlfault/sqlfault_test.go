package sqlfault_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"modernc.org/sqlite"

	"github.com/reprise-go/reprise/internal/sqlfault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is a database file behind faults, and a connection that goes past them and
// does not wait for locks.
type bed struct {
	faults *sqlfault.Connector
	db     *sql.DB
	past   *sql.DB
}

func newBed(t *testing.T, params string) *bed {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.db")
	inner, err := sqlite.NewConnector(file + "?_txlock=immediate" + params)
	if err != nil {
		t.Fatal(err)
	}
	faults := sqlfault.New(inner)
	b := &bed{faults: faults, db: sql.OpenDB(faults)}
	if b.past, err = sql.Open("sqlite", file+"?_txlock=immediate"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(b.db.Close(), b.past.Close()); err != nil {
			t.Error(err)
		}
		if n := faults.Conns(); n != 0 {
			t.Errorf("%d connections are live in the end", n)
		}
	})
	b.do(t, `create table t (n int)`)
	return b
}

// do runs a statement past the faults: it fails where a lock is held.
func (b *bed) do(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := b.past.Exec(query, args...); err != nil {
		t.Errorf("%s: %v", query, err)
	}
}

func (b *bed) count(t *testing.T) (n int) {
	t.Helper()
	if err := b.past.QueryRow(`select count(*) from t`).Scan(&n); err != nil {
		t.Error(err)
	}
	return n
}

func (b *bed) begin(t *testing.T) *sql.Tx {
	t.Helper()
	tx, err := b.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func (b *bed) insert(t *testing.T, tx *sql.Tx, n int) {
	t.Helper()
	if _, err := tx.Exec(`insert into t values (?)`, n); err != nil {
		t.Fatal(err)
	}
}

// TestACutRollsBackAndReleasesTheLock.
//
// Mutation seen to fail it: mark the connection only.
func TestACutRollsBackAndReleasesTheLock(t *testing.T) {
	b := newBed(t, "")
	tx := b.begin(t)
	b.insert(t, tx, 1)
	if n := b.faults.Conns(); n != 1 {
		t.Fatalf("%d connections", n)
	}
	if !b.faults.CutOne() || b.faults.CutOne() || b.faults.Conns() != 0 {
		t.Fatal("cut too little, or too much")
	}
	b.do(t, `insert into t values (2)`) // at once
	if n := b.count(t); n != 1 {
		t.Errorf("%d rows, want one", n)
	}
	if _, err := tx.Exec(`insert into t values (3)`); !errors.Is(err, driver.ErrBadConn) {
		t.Error(err)
	}
	if _, err := tx.Prepare(`select 1`); !errors.Is(err, driver.ErrBadConn) {
		t.Error(err)
	}
	if err := tx.Commit(); !errors.Is(err, driver.ErrBadConn) {
		t.Error(err)
	}
	if err := b.db.Ping(); err != nil { // by another connection
		t.Error(err)
	}
	if n := b.count(t); n != 1 {
		t.Errorf("%d rows, want one", n)
	}
}

// TestAnIdleConnectionThatWasCutIsReplaced by database/sql, without an error.
func TestAnIdleConnectionThatWasCutIsReplaced(t *testing.T) {
	b := newBed(t, "")
	if err := b.db.Ping(); err != nil {
		t.Fatal(err)
	}
	if n := b.faults.CutAll(); n != 1 {
		t.Errorf("cut %d", n)
	}
	if _, err := b.db.Exec(`insert into t values (1)`); err != nil {
		t.Error(err)
	}
	if n := b.faults.Conns(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestACutAmidRows: open rows and statements do not keep the transaction alive.
//
// Mutation seen to fail it: close the connection beneath them (a memory fault).
func TestACutAmidRows(t *testing.T) {
	b := newBed(t, "")
	b.do(t, `insert into t select value from json_each('[1,2,3,4,5]')`)
	tx := b.begin(t)
	b.insert(t, tx, 6)
	stmt, err := tx.Prepare(`select n from t where n > ?`)
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := stmt.Query(2)
	if err != nil {
		t.Fatal(err)
	}
	direct, err := tx.Query(`select n from t`)
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range []*sql.Rows{prepared, direct} {
		defer rows.Close()
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
	}
	b.faults.CutAll()
	b.do(t, `insert into t values (7)`)
	for _, rows := range []*sql.Rows{prepared, direct} {
		if types, err := rows.ColumnTypes(); err != nil || types[0].Name() != "n" {
			t.Errorf("columns after the cut: %v, %v", types, err)
		}
		if rows.Next() || !errors.Is(rows.Err(), driver.ErrBadConn) {
			t.Errorf("the rows say %v", rows.Err())
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := stmt.Close(); err != nil {
		t.Error(err)
	}
	if n := b.count(t); n != 6 {
		t.Errorf("%d rows, want 6", n)
	}
}

func TestRefuse(t *testing.T) {
	b := newBed(t, "")
	b.faults.Refuse(true)
	if err := b.db.Ping(); !errors.Is(err, driver.ErrBadConn) {
		t.Error(err)
	}
	b.faults.Refuse(false)
	if err := b.db.Ping(); err != nil {
		t.Error(err)
	}
	b.faults.Refuse(true)
	if err := b.db.Ping(); err != nil { // a connection that is open stays
		t.Error(err)
	}
}

// TestLoseCommits: both answer the same, and only a look tells them apart.
//
// Mutation seen to fail it: exchange the two.
func TestLoseCommits(t *testing.T) {
	for _, delivered := range []bool{true, false} {
		b := newBed(t, "")
		lost := b.faults.LoseCommits(2, delivered)
		for i := range 3 {
			tx := b.begin(t)
			b.insert(t, tx, i)
			err := tx.Commit()
			if gone := i < 2; errors.Is(err, driver.ErrBadConn) != gone || (err == nil) == gone {
				t.Errorf("COMMIT %d, delivered %t: %v", i, delivered, err)
			}
			b.do(t, `update t set n = n`) // nothing is locked
		}
		want := 1
		if delivered {
			want = 3
		}
		if n := b.count(t); n != want || lost.Load() != 2 {
			t.Errorf("delivered %t: %d rows, want %d; %d lost", delivered, n, want, lost.Load())
		}
	}
}

// TestOrdersOfLossesQueue: the second begins when the first is used up.
func TestOrdersOfLossesQueue(t *testing.T) {
	b := newBed(t, "")
	first, second := b.faults.LoseCommits(1, false), b.faults.LoseCommits(1, true)
	for i := range 3 {
		tx := b.begin(t)
		b.insert(t, tx, i)
		_ = tx.Commit()
	}
	if n := b.count(t); n != 2 || first.Load() != 1 || second.Load() != 1 {
		t.Errorf("%d rows, want 2; lost %d and %d", n, first.Load(), second.Load())
	}
}

// TestACommitOnADeadConnectionIsNoLoss: it has no answer to lose.
func TestACommitOnADeadConnectionIsNoLoss(t *testing.T) {
	b := newBed(t, "")
	tx := b.begin(t)
	b.insert(t, tx, 1)
	lost := b.faults.LoseCommits(1, true)
	b.faults.CutAll()
	if err := tx.Commit(); !errors.Is(err, driver.ErrBadConn) || lost.Load() != 0 {
		t.Errorf("%v, %d lost", err, lost.Load())
	}
}

// TestRaw: who needs what only the driver has gets it.
func TestRaw(t *testing.T) {
	b := newBed(t, "")
	c, err := b.db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Raw(func(outer any) error {
		inner := outer.(interface{ Raw() driver.Conn }).Raw()
		readOnly, err := inner.(interface{ IsReadOnly(string) (bool, error) }).IsReadOnly("main")
		if readOnly {
			t.Error("read-only")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
