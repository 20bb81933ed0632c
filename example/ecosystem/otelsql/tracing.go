// Package tracing puts github.com/XSAM/otelsql between Reprise and the driver.
//
// The recipe: otelsql wraps the driver's connector, and Reprise wraps that.
//
//	c := tracing.Connector(stdlib.GetConnector(*cfg), otelsql.WithTracerProvider(tp))
//	db := sqladapter.New(c, sqladapter.Config{Classify: pgadapter.Classify})
//
// otelsql makes connectors of its own only from a driver.Driver, hence the few lines
// of [Connector].
//
// What to expect: otelsql hands errors on as they are, so they are judged as without
// it. There is a span for everything that reaches the driver, of every attempt,
// BEGIN, COMMIT and ROLLBACK included, below the span that the request's context
// carries: a replayed request shows its doomed attempts. What a doomed transaction
// refuses does not reach the driver, and makes no span.
//
// The driver's connection is two Raw away, Reprise's and otelsql's; see [Driver].
// otelsql's connections have a driver.Validator, also where the driver has none:
// then they are always valid, which is what database/sql and Reprise take a
// connection without one for.
//
// The other way round, otelsql around Reprise, does not exist: Reprise opens the
// pool. Metrics of the pool need no wrapping: otelsql.RegisterDBStatsMetrics(db.SQL()).
package tracing

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/XSAM/otelsql"
)

// Connector returns c with spans.
func Connector(c driver.Connector, o ...otelsql.Option) driver.Connector {
	traced, err := otelsql.WrapDriver(connected{c.Driver(), c}, o...).(driver.DriverContext).OpenConnector("")
	if err != nil {
		panic("tracing: a connector that is there was not found: " + err.Error())
	}
	return traced
}

// connected is a driver that knows its connector already.
type connected struct {
	driver.Driver
	c driver.Connector
}

// OpenConnector implements [driver.DriverContext].
func (d connected) OpenConnector(string) (driver.Connector, error) { return d.c, nil }

// Driver calls f with the driver's own connection, for what database/sql cannot do.
// The connection is one of the pool, not the request's. f must not keep it.
func Driver(ctx context.Context, pool *sql.DB, f func(driver.Conn) error) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(conn.Raw(func(c any) error {
		for {
			wrapped, ok := c.(interface{ Raw() driver.Conn })
			if !ok {
				break
			}
			c = wrapped.Raw()
		}
		return f(c.(driver.Conn))
	}), conn.Close())
}
