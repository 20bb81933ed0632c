package provoked_test

import (
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/retryable"
)

// plainDeadlock is what 10.11 says of all its conflicts between nodes.
func plainDeadlock(phase retryable.Phase) *verdict {
	return &verdict{code: "1213", phase: phase, reason: retryable.Deadlock, kept: true}
}

const plainWords = "MariaDB 10.11 has no words of its own for it: the program does not contain the row's"

// TestGalera: certification, and nodes that serve nobody.
//
// Mutations of mysqladapter seen to fail it: 1213 in answer to COMMIT is not definite;
// 1047 is a conflict, and keeps the connection.
func TestGalera(t *testing.T) {
	t.Parallel()
	nodes := mariatest.NewCluster(t, mariaserver.ClusterConfig{Nodes: 2}).Nodes()
	open := mariaOf(nodes[0])(mariaOptions{cluster: true, setup: `
		create table queue (id int primary key, n int not null);
		insert into queue values (1, 0)`})
	// there runs statements on the other node.
	there := func(statements ...string) mariaStep {
		return func(a *mariaAttempt) error { onNode(a, nodes[1], statements...); return nil }
	}
	reject := func(what string) string { return `set global wsrep_reject_queries = ` + what }
	accept := func(t *testing.T, d *mariaDB) { d.outside(t, reject("NONE")) }
	playMaria(t, false, open, []mariaScenario{
		{
			row: "gal-001", name: "aborted by the other node's, at a statement", text: "Deadlock found",
			gives: plainDeadlock(retryable.Statement), disputed: plainWords,
			provoke: steps(send(bump1), there(bump1), arrived, send(bump2)),
		},
		{
			row: "gal-001", name: "swallowed", text: "Deadlock found", swallow: true,
			gives: plainDeadlock(retryable.Statement), disputed: plainWords,
			provoke: steps(send(bump1), there(bump1), arrived, send(bump2)),
		},
		{
			row: "gal-001", name: "aborted by the other node's, at COMMIT", text: "Deadlock found",
			gives: plainDeadlock(retryable.Commit), disputed: plainWords,
			provoke: steps(send(bump1), there(bump1), arrived),
		},
		{
			row: "gal-001", name: "refused by certification, at COMMIT", text: "Deadlock found",
			gives: plainDeadlock(retryable.Commit), disputed: plainWords,
			provoke: uncertified(there),
		},
		{
			row: "gal-002", name: "wsrep_reject_queries before a statement", text: "WSREP has not yet prepared node", heal: accept,
			provoke: func(a *mariaAttempt) error {
				err := steps(past(reject("ALL")), send(bump1))(a)
				a.db.checkInTransaction(a, "statement")
				a.db.refusesRollback(a, "1047")
				return err
			},
		},
		{
			row: "gal-003", name: "wsrep_reject_queries before COMMIT", text: "WSREP has not yet prepared node", heal: accept,
			provoke: past(reject("ALL")),
		},
		{
			name: "1180 the node loses the others during COMMIT", text: "Not connected to Primary Component",
			gives:   &verdict{code: "1180", phase: retryable.Commit, reason: retryable.CommitUnknown},
			provoke: past(isolation("1")),
			heal:    func(t *testing.T, d *mariaDB) { d.isolate(t, "0", "ON") },
		},
		{
			row: "gal-002", name: "the node has lost the others", text: "WSREP has not yet prepared node",
			provoke: steps(isolate("1", "OFF"), send(bump1)),
			heal:    func(t *testing.T, d *mariaDB) { d.isolate(t, "0", "ON") },
		},
		{
			row: "gal-003", name: "the node has lost the others, before COMMIT", text: "WSREP has not yet prepared node",
			provoke: isolate("1", "OFF"),
			heal:    func(t *testing.T, d *mariaDB) { d.isolate(t, "0", "ON") },
		},
	})
}

// onNode runs statements on a node that has caught up.
func onNode(a *mariaAttempt, node *mariaserver.Server, statements ...string) {
	cfg, err := mysql.ParseDSN(node.DSN() + "&wsrep_sync_wait=15")
	if err != nil {
		a.Fatal(err)
	}
	cfg.DBName = a.db.name
	pool := mariatest.Pool(a.T, cfg.FormatDSN())
	for _, q := range statements {
		if _, err := pool.ExecContext(a.ctx, q); err != nil {
			a.Errorf("%s: %v", q, err)
		}
	}
}

// arrived waits until the attempt's node has what the other one wrote, and has aborted
// the attempt's transaction for it.
func arrived(a *mariaAttempt) error {
	eventually(a.T, "the other node's update", func() (yes bool) {
		return a.db.look.QueryRow(`select n > 0 from counter where id = 1`).Scan(&yes) == nil && yes
	})
	return nil
}

// uncertified has the attempt's COMMIT come after one that wrote the same row and waits,
// on the attempt's node, behind another that waits for a lock. Galera does not abort
// whoever has that lock, since that session is none of its own.
func uncertified(there func(...string) mariaStep) mariaStep {
	return func(a *mariaAttempt) error {
		before := a.db.status(a.T, "wsrep_local_cert_failures")
		a.after(func() {
			if after := a.db.status(a.T, "wsrep_local_cert_failures"); after == before {
				a.Errorf("%s failures of certification, as before", after)
			}
		})
		own := mariaOther(a, `set session wsrep_on = 0`, `begin`, `select * from queue where id = 1 for update`)
		return steps(
			there(`update queue set n = 1 where id = 1`, bump1),
			send(bump1),
			meanwhile("info = 'COMMIT'", func(a *mariaAttempt) { mariaRun(a.T, own, `rollback`) }),
		)(a)
	}
}

func isolation(on string) string {
	return "set global wsrep_provider_options = 'gmcast.isolate=" + on + "'"
}

// isolate cuts the node off, or lets it in again, and waits until it has noticed.
func isolate(on, ready string) mariaStep {
	return func(a *mariaAttempt) error { a.db.isolate(a.T, on, ready); return nil }
}

func (d *mariaDB) isolate(t *testing.T, on, ready string) {
	d.outside(t, isolation(on))
	eventually(t, "wsrep_ready "+ready, func() bool { return d.status(t, "wsrep_ready") == ready })
}

func (d *mariaDB) status(t *testing.T, name string) (value string) {
	t.Helper()
	err := d.look.QueryRow("select variable_value from information_schema.global_status where variable_name = '" + name + "'").Scan(&value)
	if err != nil {
		t.Error(err)
	}
	return value
}
