package mysqladapter_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestOpenNamesWhatIsWrong(t *testing.T) {
	for dsn, want := range map[string]string{
		"app:secret@tcp(db:3306":                         "invalid DSN",
		"app:secret@tcp(db:3306)/x?multiStatements=true": "multiStatements",
		"app:secret@tcp(db:3306)/x?parseTime=perhaps":    "perhaps",
	} {
		_, err := mysqladapter.Open(dsn, mysqladapter.Config{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", dsn, err, want)
		}
	}
}

// TestRaw: the driver's own connection is within reach, one Raw at a time.
func TestRaw(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	conn, err := b.db.SQL().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		for {
			wrapped, ok := c.(interface{ Raw() driver.Conn })
			if !ok {
				break
			}
			c = wrapped.Raw()
		}
		if got := fmt.Sprintf("%T", c); got != "*mysql.mysqlConn" {
			t.Errorf("at the end there is a %s", got)
		}
		res, err := c.(driver.ExecerContext).ExecContext(t.Context(), `update counter set n = n + 1`, nil)
		if err != nil {
			return err
		}
		if n := res.(mysql.Result).AllRowsAffected(); len(n) != 1 || n[0] != 2 { //nolint:errcheck // or panic
			t.Errorf("AllRowsAffected: %v", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// stuck is a connector of connections whose BEGIN is refused by the server after it
// has been told the isolation level.
type stuck struct {
	driver.Connector
	closed *int
}

type stuckConn struct {
	driver.Conn
	driver.Pinger
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
	closed *int
}

func (s stuck) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return stuckConn{
		inner, inner.(driver.Pinger), inner.(driver.ExecerContext), inner.(driver.QueryerContext), inner.(driver.ConnPrepareContext), //nolint:errcheck // or panic
		inner.(driver.ConnBeginTx), inner.(driver.SessionResetter), inner.(driver.Validator), inner.(driver.NamedValueChecker), s.closed, //nolint:errcheck // or panic
	}, nil
}

func (c stuckConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if strings.HasPrefix(query, "set autocommit") {
		query = `signal sqlstate 'HY000' set mysql_errno = 1105`
	}
	return c.ExecerContext.ExecContext(ctx, query, args)
}

func (c stuckConn) Close() error { *c.closed++; return c.Conn.Close() }

// TestARefusedBeginClosesTheConnection, or the next transaction on it had the
// isolation level that this one was to have.
//
// Mutation seen to fail it: keep the connection.
func TestARefusedBeginClosesTheConnection(t *testing.T) {
	cfg, err := mysql.ParseDSN(mariatest.Database(t, mariatest.Shared(t)))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	closed := 0
	db := mysqladapter.New(stuck{inner, &closed}, mysqladapter.Config{})
	defer db.Close()
	err = txctx.Run(t.Context(), db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, `select 1`) })
	if number(err) != 1105 || closed == 0 {
		t.Errorf("error %v, %d connections closed", err, closed)
	}
	if err := db.SQL().PingContext(t.Context()); err != nil {
		t.Error(err)
	}
}
