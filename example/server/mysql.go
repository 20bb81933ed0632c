package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/mysqladapter"
)

// openMySQL returns the MySQL or MariaDB database of the URL.
func openMySQL(u *url.URL) (*database, error) {
	cfg, err := mysqlConfig(u)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("malformed URL: %w", err)
	}
	db := mysqladapter.New(connector, mysqladapter.Config{
		TxOptions: sql.TxOptions{Isolation: sql.LevelSerializable},
		Ledger:    recorded,
	})
	setPool(db.SQL())
	return &database{
		engine:   "mysql",
		name:     "MySQL at " + cfg.Addr,
		requests: db,
		jobs:     db,
		lock:     lockMySQL,
		ping:     db.SQL().PingContext,
		close:    func() { _ = db.Close() },
	}, nil
}

// mysqlConfig reads the URL. Its parameters are those of the driver's own DSN.
func mysqlConfig(u *url.URL) (*mysql.Config, error) {
	for _, key := range []string{"user", "password"} { // the driver would send them to the server as variables
		if u.Query().Has(key) {
			return nil, fmt.Errorf("malformed URL: %s belongs before the @, not into the parameters", key)
		}
	}
	cfg, err := mysql.ParseDSN("/?" + strings.ReplaceAll(u.RawQuery, "/", "%2F"))
	if err != nil {
		return nil, fmt.Errorf("malformed URL: %w", err)
	}
	if cfg.MultiStatements {
		return nil, errors.New("malformed URL: multiStatements=true turns every injected quote into a statement")
	}
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	if cfg.DBName == "" {
		return nil, errors.New("malformed URL: it names no database")
	}
	cfg.Net = "tcp"
	if cfg.Addr, err = mysqlAddr(u); err != nil {
		return nil, err
	}
	setMySQLDefaults(cfg)
	return cfg, nil
}

func mysqlAddr(u *url.URL) (string, error) {
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "3306"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errors.New("malformed URL: invalid port")
	}
	return net.JoinHostPort(host, port), nil
}

// setMySQLDefaults sets what the URL did not, and what this program relies on.
func setMySQLDefaults(cfg *mysql.Config) {
	cfg.ParseTime = true
	cfg.ClientFoundRows = true // count rows as the others do: those found, not those that became different
	cfg.Logger = &mysql.NopLogger{}
	if cfg.Timeout == 0 {
		cfg.Timeout = connectTimeout
	}
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	if _, ok := cfg.Params["innodb_lock_wait_timeout"]; !ok {
		cfg.Params["innodb_lock_wait_timeout"] = "5" // seconds; the server's 50 are more than an attempt has
	}
}

// lockMySQL takes a lock of the session, since CREATE TABLE ends transactions and
// would give up any other. It is for this database alone.
func lockMySQL(ctx context.Context) (unlock func(context.Context) error, err error) {
	const patience = 60 // seconds; the context ends before
	var got sql.NullInt64
	err = tx(ctx).queryRow(ctx, `select get_lock(concat('reprise-', md5(database())), ?)`, patience).Scan(&got)
	if err == nil && got.Int64 != 1 {
		err = errors.New("another server is still bringing it up to date")
	}
	return func(ctx context.Context) error {
		_, err := tx(ctx).exec(ctx, `do release_lock(concat('reprise-', md5(database())))`)
		return err
	}, err
}
