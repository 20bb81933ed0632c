package outage_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
)

// nodes is a connector for a list of nodes: it goes round, and leaves out those that
// cannot be reached, or that serve nobody because they have lost the others.
type nodes struct {
	all  []driver.Connector
	next atomic.Uint64
}

func (n *nodes) Driver() driver.Driver { return mysql.MySQLDriver{} }

// Connect implements [driver.Connector]. The error is that of every node.
func (n *nodes) Connect(ctx context.Context) (driver.Conn, error) {
	first := n.next.Add(1)
	var errs []error
	for i := range uint64(len(n.all)) {
		c, err := connectTo(ctx, n.all[(first+i)%uint64(len(n.all))])
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// connectTo makes a connection to one node, and has it answer something that needs a
// table: a node that has lost the others answers 1047.
func connectTo(ctx context.Context, node driver.Connector) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	c, err := node.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.(driver.ExecerContext).ExecContext(ctx, `select 1 from item limit 0`, nil); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// TestGalera: three nodes, all of which take writes. One is killed and comes back, and one
// is cut off from the others and let in again. Requests that write the same row on two
// nodes are refused at COMMIT, and replayed.
func TestGalera(t *testing.T) {
	parallel(t)
	const rate = 60
	all := mariatest.NewCluster(t, mariaserver.ClusterConfig{Nodes: 3}).Nodes()
	mariaExec(t, all[0], mariaTables)
	rec := newRecord()
	d := onGalera(t, all, rec)
	policy := retryable.Policy{AttemptTimeout: attemptTimeout}
	l := send(t, serve("galera", d, rec, policy), rate)
	flow(before())

	var outages []outage
	var settled []time.Duration
	trouble := func(what string, begin, end func() error) {
		t.Helper()
		o := outage{from: rec.now()}
		if err := begin(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		o.to = rec.now()
		back := l.calm(t, o)
		t.Logf("%s at %v: back to normal after %v", what, ms(o.from), back)
		outages, settled = append(outages, o), append(settled, back)
		if err := end(); err != nil {
			t.Fatalf("%s, end: %v", what, err)
		}
	}
	trouble("a node killed", all[2].Kill, func() error { return all[2].StartAgain(t.Context()) })
	isolate := func(on int) func() error {
		return func() error {
			return all[1].Exec(t.Context(), fmt.Sprintf(`set global wsrep_provider_options = 'gmcast.isolate=%d'`, on))
		}
	}
	trouble("a node cut off", isolate(1), isolate(0))
	l.stop()
	wsrepReady(t, all[1])

	r := l.judge(t, outages[0], settled[0], mariaEffects(t, all[0]))
	if r.unknown > 0 {
		t.Errorf("the outcome of %d requests is unknown", r.unknown)
	}
	if rec.replays[retryable.Deadlock] == 0 {
		t.Errorf("no conflict was replayed: %v", rec.replays)
	}
	checkSums(t, all, l)
}

// onGalera is a database behind mysqladapter and a list of nodes. All writes meet in one
// row.
func onGalera(t *testing.T, all []*mariaserver.Server, rec *record) database {
	t.Helper()
	list := new(nodes)
	for _, node := range all {
		cfg, err := mysql.ParseDSN(mariaDSN(t, node.DSN(), rec))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Logger = &mysql.NopLogger{}
		c, err := mysql.NewConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		list.all = append(list.all, c)
	}
	db := mysqladapter.New(list, mysqladapter.Config{Ledger: ledger.Config{Table: "reprise_ledger"}})
	if err := db.MigrateLedger(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := onSQL(t, db, mariaWrite, mariaRead)
	insert := d.write
	d.write = func(ctx context.Context, id string) error {
		if err := insert(ctx, id); err != nil {
			return err
		}
		_, err := sqladapter.Tx(ctx).ExecContext(ctx, `update item set n = n + 1 where id = 1`)
		return err
	}
	return d
}

// wsrepReady waits until a node has found the others.
func wsrepReady(t *testing.T, s *mariaserver.Server) {
	t.Helper()
	db := mariatest.Pool(t, s.DSN())
	dbtest.Within(t, 30*time.Second, "the node is in sync", func() bool {
		var state string
		err := db.QueryRowContext(t.Context(), `select variable_value from information_schema.global_status
			where variable_name = 'wsrep_local_state_comment'`).Scan(&state)
		return err == nil && state == "Synced"
	})
}

// checkSums: every node has the same, and each write that is in the table was counted.
func checkSums(t *testing.T, all []*mariaserver.Server, l *load) {
	t.Helper()
	for i, node := range all {
		var n, rows int
		db := mariatest.Pool(t, node.DSN()+"&wsrep_sync_wait=15")
		err := db.QueryRowContext(t.Context(), `select n, (select count(*) from effect) from item where id = 1`).Scan(&n, &rows)
		if err != nil || n != rows || n == 0 {
			t.Errorf("%s: node %d has counted %d of %d writes: %v", l.name, i, n, rows, err)
		}
	}
}
