package pgadapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

func pgErr(severity, code, message string) error {
	return &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code, Message: message}
}

// TestClassify: phase, severity, code, and the text only where it decides.
func TestClassify(t *testing.T) {
	const (
		C, S, K = retryable.Connect, retryable.Statement, retryable.Commit
	)
	for _, row := range []struct {
		err   error
		phase retryable.Phase
		want  retryable.Reason
	}{
		{nil, S, retryable.None},
		{pgErr("ERROR", "40001", "could not serialize access"), S, retryable.Serialization},
		{pgErr("ERROR", "40001", "could not serialize access"), K, retryable.Serialization},
		{pgErr("FATAL", "40001", "terminating connection due to conflict with recovery"), S, retryable.Serialization},
		{pgErr("FATAL", "40001", "terminating connection due to conflict with recovery"), K, retryable.CommitUnknown},
		{pgErr("ERROR", "40P01", "deadlock detected"), S, retryable.Deadlock},
		{pgErr("ERROR", "40003", ""), S, retryable.CommitUnknown},
		{pgErr("ERROR", "08007", ""), K, retryable.CommitUnknown},
		{pgErr("ERROR", "55P03", "could not obtain lock"), S, retryable.LockTimeout},
		{pgErr("ERROR", "55006", "database \"x\" is being accessed by other users"), S, retryable.LockTimeout},
		{pgErr("ERROR", "55006", "used by active queries in this session"), S, retryable.None},
		{pgErr("FATAL", "57P01", "terminating connection due to administrator command"), S, retryable.Failover},
		{pgErr("FATAL", "57P01", "terminating connection due to administrator command"), K, retryable.CommitUnknown},
		{pgErr("FATAL", "57P03", "the database system is starting up"), C, retryable.Failover},
		{pgErr("FATAL", "57P04", "database dropped"), S, retryable.None},
		{pgErr("FATAL", "53300", "sorry, too many clients already"), C, retryable.Overloaded},
		{pgErr("FATAL", "28P01", "password authentication failed"), C, retryable.None},
		{pgErr("FATAL", "3D000", "database does not exist"), C, retryable.None},
		{pgErr("FATAL", "99999", "never heard of"), S, retryable.Disconnected},
		{pgErr("FATAL", "99999", "never heard of"), K, retryable.CommitUnknown},
		{pgErr("ERROR", "08006", "dblink: server closed the connection"), S, retryable.None},
		{pgErr("ERROR", "57014", "canceling statement due to statement timeout"), S, retryable.None},
		{pgErr("ERROR", "23505", "duplicate key"), S, retryable.None},
		{pgErr("ERROR", "23505", "duplicate key"), K, retryable.None},
		{pgErr("ERROR", "25P02", "current transaction is aborted"), S, retryable.None},
		{pgErr("ERROR", "25006", "cannot execute UPDATE in a read-only transaction"), S, retryable.Failover},
		{pgErr("ERROR", "25006", "cannot execute LISTEN during recovery"), S, retryable.Failover},
		{pgErr("ERROR", "0A000", "cached plan must not change result type"), S, retryable.Serialization},
		{pgErr("ERROR", "0A000", "not supported"), S, retryable.None},

		{pgx.ErrNoRows, S, retryable.None},
		{pgx.ErrTxClosed, S, retryable.None},
		{pgx.ErrTxCommitRollback, K, retryable.None},
		{io.ErrUnexpectedEOF, S, retryable.Disconnected},
		{io.ErrUnexpectedEOF, K, retryable.CommitUnknown},
		{pgconn.ErrConnClosed, S, retryable.Disconnected},
		{pgconn.ErrConnClosed, K, retryable.CommitUnknown},
		{driver.ErrBadConn, S, retryable.Disconnected},
		{driver.ErrBadConn, K, retryable.CommitUnknown},
		{&net.OpError{Op: "dial", Err: &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}}, C, retryable.Disconnected},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, C, retryable.Disconnected},
		{syscall.EMFILE, C, retryable.Overloaded},
		{syscall.ENOENT, S, retryable.None},
		{context.DeadlineExceeded, C, retryable.Overloaded},
		{context.DeadlineExceeded, S, retryable.None},
		{context.Canceled, C, retryable.None},
		{errors.New("conn closed"), S, retryable.None}, // a text proves nothing
	} {
		for name, err := range map[string]error{
			"bare":    row.err,
			"wrapped": fmt.Errorf("book: %w", row.err),
			"joined":  errors.Join(errors.New("x"), row.err),
		} {
			if row.err == nil && name != "bare" {
				continue
			}
			if got := pgadapter.Classify(retryable.Fault{Err: err, Phase: row.phase}); got != row.want {
				t.Errorf("%v at %v, %s: %v, want %v", row.err, row.phase, name, got, row.want)
			}
		}
	}
	readOnly := retryable.Fault{Err: pgErr("ERROR", "25006", "cannot execute UPDATE"), Phase: S, ReadOnly: true}
	if got := pgadapter.Classify(readOnly); got != retryable.None {
		t.Errorf("a write in a READ ONLY transaction: %v", got)
	}
}

// FuzzClassify: no error tree makes it panic, and at phase Commit nothing but the
// server's own refusal is a reason to replay.
func FuzzClassify(f *testing.F) {
	f.Add("ERROR", "40001", "text", uint8(2), true)
	f.Add("FATAL", "57P01", "", uint8(2), false)
	f.Fuzz(func(t *testing.T, severity, code, message string, phase uint8, server bool) {
		err := errors.New(message)
		if server {
			err = pgErr(severity, code, message)
		}
		reason := pgadapter.Classify(retryable.Fault{Err: fmt.Errorf("x: %w", err), Phase: retryable.Phase(phase % 3)})
		refused := server && severity != "FATAL" && severity != "PANIC"
		if phase%3 == 2 && reason.Replayable() && !refused {
			t.Errorf("%s %s at COMMIT: %v", severity, code, reason)
		}
	})
}

// BenchmarkClassify: a verdict must be cheaper than anything around it.
func BenchmarkClassify(b *testing.B) {
	for name, err := range map[string]error{
		"server":      fmt.Errorf("x: %w", pgErr("ERROR", "40001", "could not serialize access")),
		"by text":     fmt.Errorf("x: %w", pgErr("ERROR", "XX000", "Query error: Restart read required at: { read: 1 }")),
		"own mistake": pgErr("ERROR", "23505", "duplicate key value violates unique constraint"),
		"driver":      fmt.Errorf("x: %w", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}),
		"unknown":     errors.New("no rows in result set"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f := retryable.Fault{Err: err, Phase: retryable.Statement}
			for b.Loop() {
				_ = pgadapter.Classify(f)
			}
		})
	}
}
