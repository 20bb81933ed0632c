package mariaserver_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

// TestCluster: what one node commits the other has; killed, it comes back and gets what
// it has missed.
//
// Mutation seen to fail it: start again with the cluster address of a new cluster.
func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := mariatest.NewCluster(t, mariaserver.ClusterConfig{Nodes: 2}).Nodes()
	ctx := t.Context()
	pools := []*sql.DB{mariatest.Pool(t, nodes[0].DSN()), mariatest.Pool(t, nodes[1].DSN())}
	has := func(node, want int) {
		t.Helper()
		dbtest.Eventually(t, "the row is there", func() bool {
			var n int
			err := pools[node].QueryRowContext(ctx, "select count(*) from kept").Scan(&n)
			return err == nil && n == want
		})
	}
	if err := nodes[0].Exec(ctx, "create table kept (x int primary key); insert into kept values (1)"); err != nil {
		t.Fatal(err)
	}
	has(1, 1)
	if err := nodes[1].Exec(ctx, "insert into kept values (2)"); err != nil {
		t.Fatal(err)
	}
	has(0, 2)

	if err := nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	// It is alone, and half of two is no majority.
	dbtest.Eventually(t, "the node has noticed", func() bool {
		_, err := pools[1].ExecContext(ctx, "insert into kept values (3)")
		var answer *mysql.MySQLError
		return errors.As(err, &answer) && answer.Number == 1047
	})
	if _, err := pools[1].ExecContext(ctx, "set global wsrep_provider_options = 'pc.bootstrap=YES'"); err != nil {
		t.Fatal(err)
	}
	dbtest.Eventually(t, "the node takes writes", func() bool {
		_, err := pools[1].ExecContext(ctx, "insert into kept values (4)")
		return err == nil
	})
	has(1, 3)
	if err := nodes[0].StartAgain(ctx); err != nil {
		t.Fatal(err)
	}
	has(0, 3)
}
