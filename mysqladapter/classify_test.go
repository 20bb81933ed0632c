package mysqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
)

func my(n uint16, text string) error { return &mysql.MySQLError{Number: n, Message: text} }

// TestClassify: phase, number, and text or SQLSTATE only where they decide.
func TestClassify(t *testing.T) {
	const C, S, K = retryable.Connect, retryable.Statement, retryable.Commit
	signal := &mysql.MySQLError{Number: 1644, SQLState: [5]byte{'4', '0', '0', '0', '1'}}
	for _, row := range []struct {
		err   error
		phase retryable.Phase
		want  retryable.Reason
	}{
		{nil, S, retryable.None},
		{my(1213, "Deadlock found"), S, retryable.Deadlock},
		{my(1213, "Deadlock found"), K, retryable.Deadlock},
		{my(1205, "Lock wait timeout exceeded"), S, retryable.LockTimeout},
		{my(3572, "NOWAIT"), S, retryable.LockTimeout},
		{my(1020, "Record has changed since last read"), S, retryable.Serialization},
		{my(1040, "Too many connections"), C, retryable.Overloaded},
		{my(1047, "WSREP has not yet prepared node"), S, retryable.Failover},
		{my(1047, "WSREP has not yet prepared node"), K, retryable.Failover},
		{my(1047, "Unknown command"), S, retryable.None},
		{my(1290, "running with the --read-only option"), S, retryable.Failover},
		{my(1290, "running with the --secure-file-priv option"), S, retryable.None},
		{my(1792, "Cannot execute statement in a READ ONLY transaction"), S, retryable.Failover},
		{my(1836, "Running in read-only mode"), S, retryable.Failover},
		{my(1874, "InnoDB is in read only mode"), S, retryable.Failover},
		{my(1290, "running with the --read-only option"), K, retryable.Failover},
		{my(1180, "Got error 149 'Lock deadlock' during COMMIT"), K, retryable.Serialization},
		{my(1180, "Got error 5 during COMMIT"), K, retryable.CommitUnknown},
		{my(1053, "Server shutdown in progress"), S, retryable.Failover},
		{my(1053, "Server shutdown in progress"), K, retryable.CommitUnknown},
		{my(1317, "Query execution was interrupted"), S, retryable.None},
		{my(1317, "Query execution was interrupted"), K, retryable.CommitUnknown},
		{my(4031, "disconnected by the server because of inactivity"), S, retryable.Disconnected},
		{my(4031, "Referenced trigger does not exist"), S, retryable.None},
		{my(1062, "Duplicate entry"), S, retryable.None},
		{my(1153, "Got a packet bigger than"), S, retryable.None},
		{signal, S, retryable.Serialization},
		{my(1644, "application text"), S, retryable.None},
		{mysql.ErrInvalidConn, S, retryable.Disconnected},
		{mysql.ErrInvalidConn, K, retryable.CommitUnknown},
		{driver.ErrBadConn, K, retryable.Disconnected},
		{&net.OpError{Op: "dial", Err: &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}}, C, retryable.Disconnected},
		{&net.DNSError{Err: "no such host"}, C, retryable.Disconnected},
		{context.Canceled, S, retryable.None},
		{context.DeadlineExceeded, S, retryable.None},
		{errors.New("invalid connection"), S, retryable.None}, // a text proves nothing
	} {
		for _, err := range []error{row.err, fmt.Errorf("x: %w", row.err), errors.Join(errors.New("y"), row.err)} {
			if row.err == nil && err != nil {
				continue
			}
			if got := mysqladapter.Classify(retryable.Fault{Err: err, Phase: row.phase}); got != row.want {
				t.Errorf("%v at %v: %v, want %v", err, row.phase, got, row.want)
			}
		}
	}
	if got := mysqladapter.Classify(retryable.Fault{Err: my(1792, ""), Phase: S, ReadOnly: true}); got != retryable.None {
		t.Errorf("a write in a READ ONLY transaction: %v", got)
	}
}
