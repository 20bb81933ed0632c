// Package kit runs a recipe behind the real middleware on a real PostgreSQL.
//
// Transactions are REPEATABLE READ: who updates a row that somebody else has
// changed since the transaction first read is refused with SQLSTATE 40001. That
// makes a conflict on demand: read, [Kit.Deposit], write.
package kit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/sqladapter"
)

const application = "recipe" // the name of the connections of Kit.DB

//go:embed schema.sql
var schema string

// Account is a row of the one table.
type Account struct {
	ID      int64
	Owner   string
	Balance int64
}

// Ada is the one account that a new database has.
var Ada = Account{ID: 1, Owner: "ada", Balance: 100}

// Kit is a database with Ada's account in it. It goes with its test.
type Kit struct {
	// DB is what the middleware and the recipe run on.
	DB *sqladapter.DB

	// Outside has connections of its own. Neither Reprise nor the recipe know it.
	Outside *pgxpool.Pool

	// Outer is put around the middleware. none
	Outer func(http.Handler) http.Handler

	tb testing.TB
}

// New returns a new database. wrap, which may be nil, may put something between
// Reprise and the driver.
func New(tb testing.TB, wrap func(driver.Connector) driver.Connector) *Kit {
	tb.Helper()
	url := pgtest.Database(tb, pgtest.Shared(tb))
	k := &Kit{Outside: pgtest.Pool(tb, url, nil), tb: tb}
	k.exec(schema)
	k.exec(`insert into account (owner, balance) values ($1, $2)`, Ada.Owner, Ada.Balance)

	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		tb.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = application
	connector := stdlib.GetConnector(*cfg)
	if wrap != nil {
		connector = wrap(connector)
	}
	k.DB = sqladapter.New(connector, sqladapter.Config{
		Classify:  pgadapter.Classify,
		TxOptions: sql.TxOptions{Isolation: sql.LevelRepeatableRead},
	})
	tb.Cleanup(func() {
		if stat := k.DB.SQL().Stats(); stat.InUse != 0 {
			tb.Errorf("%d connections were not given back", stat.InUse)
		}
		if err := k.DB.Close(); err != nil {
			tb.Error(err)
		}
	})
	return k
}

// Serve sends one request through the middleware to h and returns the answer.
func (k *Kit) Serve(h middleware.HandlerFunc) (status int, body string) {
	k.tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	handler := middleware.New(k.DB, middleware.Config{Logger: quiet})(h)
	if k.Outer != nil {
		handler = k.Outer(handler)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	res, err := http.Post(server.URL, "text/plain", nil)
	if err != nil {
		k.tb.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		k.tb.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// Deposit adds to Ada's balance from outside, and commits.
func (k *Kit) Deposit(amount int64) {
	k.exec(`update account set balance = balance + $1 where id = $2`, amount, Ada.ID)
}

// Accounts returns what is committed, in the order of the ids.
func (k *Kit) Accounts() []Account {
	k.tb.Helper()
	ctx := context.Background()
	rows, _ := k.Outside.Query(ctx, `select id, owner, balance from account order by id`)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Account])
	if err != nil {
		k.tb.Fatal(err)
	}
	return all
}

// Owners returns the owners of the committed accounts, in the order of the ids.
func (k *Kit) Owners() []string {
	k.tb.Helper()
	var owners []string
	for _, a := range k.Accounts() {
		owners = append(owners, a.Owner)
	}
	return owners
}

// exec may be called on the server's goroutine, where tb.Fatal must not be.
func (k *Kit) exec(query string, args ...any) {
	if _, err := k.Outside.Exec(context.Background(), query, args...); err != nil {
		k.tb.Error(err)
	}
}

// Disconnect ends all of the recipe's connections, at the server.
func (k *Kit) Disconnect() {
	k.exec(`select pg_terminate_backend(pid, 10000) from pg_stat_activity
		where datname = current_database() and application_name = $1`, application)
}
