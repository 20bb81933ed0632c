package mariaserver

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-sql-driver/mysql"
)

// database is what connection strings name.
const database = "test"

// config is the driver's for root.
func config(addr, database string) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", "tcp", addr, database
	cfg.ParseTime = true
	return cfg
}

// DSN returns root's connection string of database test, for
// github.com/go-sql-driver/mysql.
func (s *Server) DSN() string { return s.DSNVia(s.Addr()) }

// DSNVia is DSN with another host:port, such as that of a proxy.
func (s *Server) DSNVia(addr string) string { return config(addr, database).FormatDSN() }

// Via returns the connection string dsn with another host:port. It panics where
// dsn is none.
func Via(dsn, addr string) string {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		panic("mariaserver: " + err.Error())
	}
	cfg.Net, cfg.Addr = "tcp", addr
	return cfg.FormatDSN()
}

// open returns a pool of one connection. The caller's errors say enough: the
// driver's own remarks about lost connections stay unheard.
func open(cfg *mysql.Config) (*sql.DB, error) {
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// run runs a statement on a fresh connection.
func run(ctx context.Context, cfg *mysql.Config, statement string, args ...any) error {
	db, err := open(cfg)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement, args...)
	return errors.Join(err, db.Close())
}
