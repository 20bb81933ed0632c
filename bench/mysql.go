package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/mysqladapter"
)

// mariadb starts a server with the accounts in it.
func mariadb(ctx context.Context) (*database, error) {
	server, err := mariaserver.Start(ctx, mariaserver.Config{Settings: map[string]string{"max_connections": "300"}})
	if err != nil {
		return nil, err
	}
	db := &database{stop: server.Close, runs: []byte{mysqlproxy.ComQuery, mysqlproxy.ComStmtExecute}}
	if _, err := server.CreateDatabase(ctx, "bench"); err != nil {
		return db, err
	}
	dsn := func(base string) (string, error) {
		cfg, err := mysql.ParseDSN(base)
		if err != nil {
			return "", err
		}
		cfg.DBName = "bench"
		return cfg.FormatDSN(), nil
	}
	near, err := dsn(server.DSN())
	if err != nil {
		return db, err
	}
	pool, err := sql.Open("mysql", near)
	if err != nil {
		return db, err
	}
	defer pool.Close()
	if err := accounts(ctx, pool, `create table account (id int primary key, n int not null) engine=InnoDB`, ledger.Schema("mysql")); err != nil {
		return db, err
	}
	if db.proxy, err = mysqlproxy.New(server.Addr()); err != nil {
		return db, err
	}
	far, err := dsn(server.DSNVia(db.proxy.Addr()))
	db.dsn = func(isFar bool) string {
		if isFar {
			return far
		}
		return near
	}
	return db, err
}

// accounts creates the table, fills it, and runs the rest.
func accounts(ctx context.Context, pool *sql.DB, create string, rest ...string) error {
	if _, err := pool.ExecContext(ctx, create); err != nil {
		return err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for id := 1; id <= rows; id++ {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`insert into account values (%d, 0)`, id)); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, q := range rest {
		if _, err := pool.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func mysqlVariants(_ context.Context, dsn string, clients int) ([]variant, func(), error) {
	plain, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, nil, err
	}
	limit(plain, clients)
	variants := sqlVariants(plain, func(err error) bool {
		e, ok := errors.AsType[*mysql.MySQLError](err)
		return ok && (e.Number == 1213 || e.Number == 1205 || e.Number == 1020)
	})
	closers := []func() error{plain.Close}
	for _, c := range []struct {
		name string
		cfg  mysqladapter.Config
	}{
		{"Reprise", mysqladapter.Config{}},
		{"Reprise, ledger", mysqladapter.Config{Ledger: ledger.Config{Table: ledger.DefaultTable}}},
	} {
		normal, err := mysqladapter.Open(dsn, c.cfg)
		if err != nil {
			return nil, nil, err
		}
		c.cfg.TxOptions.Isolation = sql.LevelSerializable
		strict, err := mysqladapter.Open(dsn, c.cfg)
		if err != nil {
			return nil, nil, err
		}
		limit(normal.SQL(), clients)
		limit(strict.SQL(), clients)
		closers = append(closers, normal.Close, strict.Close)
		variants = append(variants, repriseSQL(c.name, normal, strict, mysqladapter.Tx))
	}
	return variants, func() { closeAll(closers) }, nil
}

func limit(pool *sql.DB, clients int) {
	n := min(clients, 32)
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
}

func closeAll(closers []func() error) {
	for _, c := range closers {
		_ = c()
	}
}
