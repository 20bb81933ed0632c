package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/sqliteadapter"
)

// sqlite makes a file with the accounts in it.
func sqlite(ctx context.Context) (*database, error) {
	dir, err := os.MkdirTemp("", "reprise-bench-")
	if err != nil {
		return nil, err
	}
	db := &database{stop: func() error { return os.RemoveAll(dir) }}
	file := filepath.Join(dir, "bench.db")
	pool, err := sqliteadapter.Open(file, sqliteadapter.Config{})
	if err != nil {
		return db, err
	}
	defer pool.Close()
	if err := accounts(ctx, pool.SQL(), `create table account (id integer primary key, n integer not null)`, ledger.Schema("sqlite")); err != nil {
		return db, err
	}
	db.dsn = func(bool) string { return file }
	return db, nil
}

func sqliteVariants(_ context.Context, file string, clients int) ([]variant, func(), error) {
	// What the documentation of the driver advises: WAL, and writers that wait.
	plain, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		return nil, nil, err
	}
	limit(plain, clients)
	variants := sqlVariants(plain, func(err error) bool {
		e, ok := errors.AsType[interface {
			error
			Code() int
		}](err)
		return ok && (e.Code()&0xff == 5 || e.Code()&0xff == 6) // BUSY, LOCKED
	})
	closers := []func() error{plain.Close}
	for _, c := range []struct {
		name string
		cfg  sqliteadapter.Config
	}{
		{"Reprise", sqliteadapter.Config{}},
		{"Reprise, ledger", sqliteadapter.Config{Ledger: ledger.Config{Table: ledger.DefaultTable}}},
	} {
		db, err := sqliteadapter.Open(file, c.cfg)
		if err != nil {
			return nil, nil, err
		}
		limit(db.SQL(), clients)
		closers = append(closers, db.Close)
		variants = append(variants, repriseSQL(c.name, db, db, sqliteadapter.Tx))
	}
	return variants, func() { closeAll(closers) }, nil
}
