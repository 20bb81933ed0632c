package dbtest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

// Databases is a server that has databases.
type Databases interface {
	// CreateDatabase returns the connection string of the new database.
	CreateDatabase(ctx context.Context, name string) (string, error)
	// DropDatabases drops databases, whoever is still connected to them.
	DropDatabases(ctx context.Context, names ...string) error
}

var databases atomic.Int64

// Database creates an empty database with a name of its own and returns its
// connection string. It is dropped when the test ends, whoever is still
// connected.
func Database(tb testing.TB, s Databases) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	dsn, err := s.CreateDatabase(ctx, name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		// A test may have left its own server down, whose data go with it.
		if err := s.DropDatabases(ctx, name); err != nil {
			tb.Log(err)
		}
	})
	return dsn
}
