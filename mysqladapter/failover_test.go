package mysqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// demotable is a bed for a user who cannot write when the server is read_only, as root
// can, with n idle connections, whose ids it returns.
func demotable(t *testing.T, server *mariaserver.Server, params string, n int) (b *bed, ids []int) {
	t.Helper()
	dsn := mariatest.Database(t, server)
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	serverExec(t, server, `create user if not exists app@'%'; grant all on `+cfg.DBName+`.* to app@'%'`)
	cfg.User = "app"
	b = bedOn(t, cfg.FormatDSN()+params, mysqladapter.Config{})
	b.db.SQL().SetMaxIdleConns(n)
	var conns []*sql.Conn
	for range n {
		c, err := b.db.SQL().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var id int
		if err := c.QueryRowContext(t.Context(), `select connection_id()`).Scan(&id); err != nil {
			t.Fatal(err)
		}
		conns, ids = append(conns, c), append(ids, id)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	return b, ids
}

func serverExec(t *testing.T, s *mariaserver.Server, q string) {
	t.Helper()
	if err := s.Exec(t.Context(), q); err != nil {
		t.Fatal(err)
	}
}

// TestADemotedPrimary: 1290, at a statement or at COMMIT. The replay runs on a
// connection made afterwards, though the pool has others: they lead to the same
// server, which takes writes again, or by then to another. With rejectReadOnly the
// driver says that the connection is lost, and the pool's others are tried.
//
// Mutations seen to fail it: keep the connection; keep the pool's others.
func TestADemotedPrimary(t *testing.T) {
	server := mariatest.New(t, mariaserver.Config{})
	for _, tt := range []struct {
		params string
		before string // before which answer the server is demoted
		reason retryable.Reason
	}{
		{"", "statement", retryable.Failover},
		{"", "commit", retryable.Failover},
		{"&rejectReadOnly=true", "statement", retryable.Disconnected},
		{"&rejectReadOnly=true", "commit", retryable.Disconnected},
	} {
		t.Run(tt.before+tt.params, func(t *testing.T) {
			b, pooled := demotable(t, server, tt.params, 4)
			var ids []int
			var reasons []retryable.Reason
			o := txctx.Options{Observe: func(_ context.Context, e txctx.Event) {
				if e.Kind == txctx.ReplayScheduled {
					reasons = append(reasons, e.Reason)
				}
			}}
			runs, err := b.run(o, func(ctx context.Context) error {
				id, err := query(ctx, `select connection_id()`)
				ids = append(ids, id)
				if err != nil {
					return err
				}
				first := txctx.AttemptOf(ctx).Number == 1
				if !first {
					serverExec(t, server, `set global read_only = 0`)
				} else if tt.before == "statement" {
					serverExec(t, server, `set global read_only = 1`)
				}
				err = effect(ctx)
				if first && tt.before == "commit" {
					serverExec(t, server, `set global read_only = 1`)
				} else if first && retryable.ReasonOf(err) != tt.reason {
					t.Errorf("%v", err)
				}
				return nil // swallowed
			})
			if runs != 2 || err != nil || b.effects() != 1 || len(reasons) != 1 || reasons[0] != tt.reason {
				t.Errorf("ran %d times, error %v, %d effects, reasons %v", runs, err, b.effects(), reasons)
			}
			if ids[0] == ids[1] {
				t.Error("the connection was used again")
			}
			if old := slices.Contains(pooled, ids[1]); !slices.Contains(pooled, ids[0]) || old != (tt.reason == retryable.Disconnected) {
				t.Errorf("connections %v were used; in the pool were %v", ids, pooled)
			}
		})
	}
}

// TestAReadOnlySession: 1792 is the server's doing where nobody asked for READ ONLY,
// and the program's own where Reprise did.
//
// Mutations seen to fail it: 1792 always Failover; never.
func TestAReadOnlySession(t *testing.T) {
	server := mariatest.New(t, mariaserver.Config{})
	b, _ := demotable(t, server, "", 0)
	var ids []int
	write := func(ctx context.Context) error {
		id, err := query(ctx, `select connection_id()`)
		ids = append(ids, id)
		if err != nil {
			return err
		}
		err = effect(ctx)
		if txctx.AttemptOf(ctx).Number == 1 && number(err) != 1792 {
			t.Errorf("%v", err)
		}
		serverExec(t, server, `set global tx_read_only = 0`) // of sessions to come
		return err
	}
	for _, readOnly := range []bool{false, true} {
		b.db.SQL().SetMaxIdleConns(-1)
		b.db.SQL().SetMaxIdleConns(4)
		serverExec(t, server, `set global tx_read_only = 1`)
		runs, err := b.run(txctx.Options{ReadOnly: readOnly}, write)
		if readOnly {
			if runs != 1 || number(err) != 1792 || errors.Is(err, retryable.ErrRetry) {
				t.Errorf("READ ONLY: ran %d times, error %v", runs, err)
			}
		} else if runs != 2 || err != nil || ids[0] == ids[1] || b.effects() != 1 {
			t.Errorf("ran %d times, error %v, connections %v, %d effects", runs, err, ids, b.effects())
		}
	}
}
