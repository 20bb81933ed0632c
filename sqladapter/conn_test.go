package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/sqladapter"
)

// TestOutsideOfAttemptsEverythingPassesThrough, and the driver is within reach.
func TestOutsideOfAttemptsEverythingPassesThrough(t *testing.T) {
	s := &server{fail: map[string][]error{"a": {driver.ErrBadConn}}}
	pool := newDB(t, s).SQL()
	ctx := context.Background()
	if _, err := pool.ExecContext(ctx, "a"); err != nil { // database/sql's own second try
		t.Error(err)
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = tx.ExecContext(ctx, "commit")
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	wantCalls(t, s, "a", "a", "begin", "commit", "commit")
	conn, err := pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.Raw(func(c any) error {
		_, valid := c.(driver.Validator)
		raw, ok := c.(interface{ Raw() driver.Conn })
		if valid || !ok {
			t.Errorf("%T: a Validator: %v", c, valid)
		} else if _, ok := raw.Raw().(*fakeConn); !ok {
			t.Errorf("Raw is a %T", raw.Raw())
		}
		return nil
	})
	if pool.Driver() != driver.Driver(s) {
		t.Errorf("the driver is a %T", pool.Driver())
	}
}

func TestNewPanics(t *testing.T) {
	for want, f := range map[string]func(){
		"sqladapter: New: connector is nil":       func() { sqladapter.New(nil, sqladapter.Config{}) },
		"sqladapter: New: Config.Classify is nil": func() { sqladapter.New(&server{}, sqladapter.Config{}) },
	} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, want) {
					t.Errorf("panicked with %v, want %q", v, want)
				}
			}()
			f()
		}()
	}
}
