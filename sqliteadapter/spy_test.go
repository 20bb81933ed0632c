package sqliteadapter_test

import (
	"context"
	"database/sql/driver"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/reprise-go/reprise/sqliteadapter"
)

// spy is a connector of the driver that lets a test step in where the driver would
// have to be slow, or broken, in the right moment.
type spy struct {
	driver.Connector
	exec  func(ctx context.Context, query string, exec func() error) error // nil: none
	begin func(begin func() error) error
	end   func(verb string, end func() error) error
	quiet atomic.Bool // the test has seen enough
}

func newSpy(t *testing.T) *spy {
	t.Helper()
	c, err := sqliteadapter.Connector(filepath.Join(t.TempDir(), "test.db?_timeout=0"))
	if err != nil {
		t.Fatal(err)
	}
	return &spy{Connector: c}
}

func (s *spy) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return spied{inner.(all), s}, nil
}

type spied struct {
	all
	s *spy
}

func (c spied) Raw() driver.Conn { return c.all }

func (c spied) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	f := func() error {
		res, err = c.all.ExecContext(ctx, query, args)
		return err
	}
	if c.s.exec != nil && !c.s.quiet.Load() {
		err = c.s.exec(ctx, query, f)
	} else {
		err = f()
	}
	return res, err
}

func (c spied) BeginTx(ctx context.Context, o driver.TxOptions) (tx driver.Tx, err error) {
	f := func() error {
		tx, err = c.all.BeginTx(ctx, o)
		return err
	}
	if c.s.begin != nil && !c.s.quiet.Load() {
		err = c.s.begin(f)
	} else {
		err = f()
	}
	if err != nil {
		return nil, err
	}
	return spiedTx{tx, c.s}, nil
}

type spiedTx struct {
	inner driver.Tx
	s     *spy
}

func (t spiedTx) Commit() error   { return t.end("commit", t.inner.Commit) }
func (t spiedTx) Rollback() error { return t.end("rollback", t.inner.Rollback) }

func (t spiedTx) end(verb string, f func() error) error {
	if t.s.end != nil && !t.s.quiet.Load() {
		return t.s.end(verb, f)
	}
	return f()
}
