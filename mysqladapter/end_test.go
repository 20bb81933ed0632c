package mysqladapter

import (
	"context"
	"database/sql/driver"
	"io"
	"testing"
	"time"
)

// session is a connection to a server that has been up for so many seconds.
type fakeSession struct {
	raw
	up     string
	killed []string
}

func (s *fakeSession) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s *fakeSession) Driver() driver.Driver                        { return nil }
func (s *fakeSession) Close() error                                 { return nil }

func (s *fakeSession) ExecContext(_ context.Context, q string, _ []driver.NamedValue) (driver.Result, error) {
	s.killed = append(s.killed, q)
	return nil, nil
}

func (s *fakeSession) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &status{value: s.up}, nil
}

// status is the one row of SHOW STATUS.
type status struct {
	value string
	read  bool
}

func (*status) Columns() []string { return []string{"Variable_name", "Value"} }
func (*status) Close() error      { return nil }

func (s *status) Next(dest []driver.Value) error {
	if s.read {
		return io.EOF
	}
	s.read, dest[0], dest[1] = true, []byte("Uptime"), []byte(s.value)
	return nil
}

// TestNobodyElsesSessionIsKilled: the server counts anew when it was restarted.
//
// Mutation seen to fail it: kill without a look at the server's uptime.
func TestNobodyElsesSessionIsKilled(t *testing.T) {
	gone := &conn{id: "7", made: time.Now().Add(-time.Hour)}
	for up, want := range map[string]int{"3590": 0, "3610": 1, "": 0, "up": 0} {
		s := &fakeSession{up: up}
		(&connector{Connector: s}).end(context.Background(), gone)
		if len(s.killed) != want || want == 1 && s.killed[0] != "kill connection 7" {
			t.Errorf("up for %s s: %q", up, s.killed)
		}
	}
}
