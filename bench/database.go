package main

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// database is a server with the accounts in it.
type database struct {
	proxy *faultproxy.Proxy // in front of it; nil for SQLite, which has no network
	runs  []byte            // the types of messages that run a statement
	stop  func() error

	// dsn leads to it directly or, far, through the proxy.
	dsn func(far bool) string
}

// brand is a kind of database.
type brand struct {
	name  string
	start func(context.Context) (*database, error)
	// variants returns what is to be compared, connected to a dsn.
	variants func(ctx context.Context, dsn string, clients int) ([]variant, func(), error)
}

var brands = []brand{
	{"PostgreSQL", postgres, pgVariants},
	{"MariaDB", mariadb, mysqlVariants},
	{"SQLite", sqlite, sqliteVariants},
}

// roundTrip is how long one takes to a database that is far.
const roundTrip = time.Millisecond

func (db *database) close() {
	if db.proxy != nil {
		db.proxy.Close()
	}
	_ = db.stop()
}

// distances returns how far away the database can be.
func (db *database) distances() []bool {
	if db.proxy == nil {
		return []bool{false}
	}
	return []bool{false, true}
}

// setDistance makes the way through the proxy as long as it is to be.
func (db *database) setDistance(far bool) {
	if far && db.proxy != nil {
		db.proxy.SetLatency(roundTrip/2, roundTrip/2)
	}
}

func distance(far bool) string {
	if far {
		return "1 ms"
	}
	return "loopback"
}
