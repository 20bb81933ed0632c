package mysqlproxy_test

import (
	"context"
	"testing"

	. "github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
)

func TestEveryByte(t *testing.T) {
	t.Parallel()
	p, via, _ := start(t)
	ask := func() error {
		var n int
		return connect(t, via).QueryRowContext(t.Context(), "select 1").Scan(&n)
	}
	// Command and text; how many columns, the column, its row, the OK.
	proxytest.EveryByte(t, p, ask, map[Dir]int64{Up: 4 + 1 + 8, Down: 4 + 2 + 4 + 23 + 4 + 2 + 4 + 7})
}

func TestStartUp(t *testing.T) {
	t.Parallel()
	p, via, _ := start(t)
	connector := mariatest.Connector(t, via)
	ask := func() error {
		c, err := connector.Connect(t.Context())
		if err == nil {
			c.Close()
		}
		return err
	}
	proxytest.StartUp(t, p, ask, Byte(Up, 0), Byte(Up, 10), Byte(Down, 0), Byte(Down, 30),
		mysqlproxy.Message(Up, mysqlproxy.Data), mysqlproxy.Message(Down, mysqlproxy.Handshake), mysqlproxy.Message(Down, mysqlproxy.OK))
}

// TestLatency does not run beside other tests.
func TestLatency(t *testing.T) {
	p, via, _ := start(t)
	c := connect(t, via)
	proxytest.Latency(t, p, func() error { return c.PingContext(t.Context()) })
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	table, via := startTable(t)
	db := mariatest.Pool(t, via)
	db.SetMaxOpenConns(4)
	table.Storm(t, func(ctx context.Context) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(ctx, "insert into t values (?)", 1); err != nil {
			return err
		}
		return tx.Commit()
	})
}
