package outage_test

import (
	"context"
	"crypto/rand"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/mysqladapter"
)

const (
	mariaTables = `create table item (id int primary key, n int not null) engine=innodb;
		insert into item values (1, 0);
		create table effect (id bigint auto_increment primary key, req varchar(60) not null) engine=innodb`
	mariaWrite = `insert into effect (req) values (?)`
	mariaRead  = `select n from item where id = 1`
)

// mariaDSN returns dsn with limits of time, and dials that are counted.
func mariaDSN(t *testing.T, dsn string, rec *record) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	network := "outage-" + rand.Text()
	dial := counted(rec, new(net.Dialer).DialContext)
	mysql.RegisterDialContext(network, func(ctx context.Context, addr string) (net.Conn, error) { return dial(ctx, "tcp", addr) })
	t.Cleanup(func() { mysql.DeregisterDialContext(network) })
	cfg.Net, cfg.Timeout, cfg.InterpolateParams = network, connectTimeout, true
	return cfg.FormatDSN()
}

// onMaria is a database behind mysqladapter, with a ledger.
func onMaria(t *testing.T, dsn string) database {
	t.Helper()
	db, err := mysqladapter.Open(dsn, mysqladapter.Config{Ledger: ledger.Config{Table: "reprise_ledger"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.MigrateLedger(t.Context()); err != nil {
		t.Fatal(err)
	}
	return onSQL(t, db, mariaWrite, mariaRead)
}

// mariaEffects looks into a server.
func mariaEffects(t *testing.T, s *mariaserver.Server) map[string]int {
	t.Helper()
	return effects(t, mariatest.Pool(t, s.DSN()))
}
