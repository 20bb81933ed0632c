package mysqladapter_test

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// mute is a connection that ends between the server's greeting and the answer to it.
type mute struct{ net.Conn }

func (mute) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestAConnectionCutInTheHandshakeIsALoss, for which the driver has an error that nobody
// knows.
//
// Mutation seen to fail it: let the driver's error pass.
func TestAConnectionCutInTheHandshakeIsALoss(t *testing.T) {
	dsn := mariatest.Database(t, mariatest.Shared(t))
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	network, dials := cfg.Net, new(atomic.Int64)
	mysql.RegisterDialContext("mute", func(ctx context.Context, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		if n := dials.Add(1); err == nil && n == 1 {
			return mute{c}, nil
		}
		return c, err
	})
	defer mysql.DeregisterDialContext("mute")
	cfg.Net = "mute"
	db, err := mysqladapter.Open(cfg.FormatDSN(), mysqladapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b := &bed{t, db, dsn}
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error { return exec(ctx, `do 1`) })
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v, after %d dials", runs, err, dials.Load())
	}
}

// TestANetworkThatGoesSilentBehindAnAnswer: the row is there and the end of the result is
// not. The driver (1.10) reads it in Close, without a limit of time.
//
// Mutation seen to fail it: close the rows after the first.
func TestANetworkThatGoesSilentBehindAnAnswer(t *testing.T) {
	for _, query := range []string{"connection_id", "@@session.autocommit"} {
		t.Run(query, func(t *testing.T) {
			b, p := proxied(t, "&timeout=200ms", mysqladapter.Config{})
			b.db.SQL().SetMaxIdleConns(-1) // the next is a new one
			hit := p.Add(faultproxy.Rule{When: mysqlproxy.Reply(query), Do: faultproxy.Drop, Then: faultproxy.BlackHole})
			start := time.Now()
			runs, err := b.run(txctx.Options{}, effect)
			if runs != 2 || err != nil || hit.Count() != 1 { // no connection could be made for the first
				t.Errorf("ran %d times, error %v, the rule fired %d times", runs, err, hit.Count())
			}
			if d := time.Since(start); d > hush {
				t.Errorf("it took %v", d)
			}
		})
	}
}
