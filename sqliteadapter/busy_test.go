package sqliteadapter_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// shared is a database that another process works on, too, as far as SQLite can see:
// it locks files by connection.
type shared struct {
	*sqliteadapter.DB
	other *sql.DB
	file  string
}

func openShared(t *testing.T, params string) *shared {
	t.Helper()
	s := &shared{file: filepath.Join(t.TempDir(), "shared.db")}
	var err error
	if s.DB, err = sqliteadapter.Open(s.file+"?_timeout=10&"+params, sqliteadapter.Config{}); err != nil {
		t.Fatal(err)
	}
	prepare(t, s.DB)
	if s.other, err = sql.Open("sqlite", s.file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.other.Close() })
	return s
}

func (s *shared) elsewhere(t *testing.T, query string) {
	t.Helper()
	if _, err := s.other.Exec(query); err != nil {
		t.Errorf("%s: %v", query, err)
	}
}

// watched returns o with an observer that notes why attempts ended.
func watched(o txctx.Options) (txctx.Options, func() string) {
	var reasons []string
	o.Observe = func(_ context.Context, ev txctx.Event) {
		if ev.Kind == txctx.AttemptEnded {
			reasons = append(reasons, fmt.Sprint(ev.Phase, " ", ev.Reason))
		}
	}
	return o, func() string { return fmt.Sprint(reasons) }
}

// TestAnotherProcessIsWaitedForAndThenReplayed: it holds the lock beyond
// busy_timeout.
func TestAnotherProcessIsWaitedForAndThenReplayed(t *testing.T) {
	db := openShared(t, "")
	lock, err := db.other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(t.Context(), "begin immediate"); err != nil {
		t.Fatal(err)
	}
	o, reasons := watched(quick())
	runs, err := run(db.DB, o, func(ctx context.Context) error {
		if txctx.AttemptOf(ctx).Number == 2 {
			if _, err := lock.ExecContext(ctx, "rollback"); err != nil {
				t.Error(err)
			}
		}
		err := exec(ctx, `insert into effect values (1)`)
		if txctx.AttemptOf(ctx).Number == 1 && retryable.ReasonOf(err) != retryable.LockTimeout {
			t.Errorf("the first attempt: %v", err)
		}
		return nil // swallowed
	})
	if runs != 2 || err != nil || effects(t, db.DB) != 1 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db.DB))
	}
	if want := "[connect lock_timeout commit none]"; reasons() != want {
		t.Errorf("ended as %s, want %s", reasons(), want)
	}
}

// TestAStaleSnapshotIsReplayed: only where the DSN has taken BEGIN IMMEDIATE away can
// somebody write between what this transaction reads and what it writes.
//
// Mutation seen to fail it: classify 517 as every BUSY.
func TestAStaleSnapshotIsReplayed(t *testing.T) {
	db := openShared(t, "_txlock=deferred")
	o, reasons := watched(quick())
	runs, err := run(db.DB, o, func(ctx context.Context) error {
		var n int
		if err := sqliteadapter.Tx(ctx).QueryRowContext(ctx, `select n from counter`).Scan(&n); err != nil {
			return err
		}
		if txctx.AttemptOf(ctx).Number == 1 {
			db.elsewhere(t, `update counter set n = n + 10`)
		}
		_ = exec(ctx, `update counter set n = ?`, n+1)                              // swallowed
		_ = exec(ctx, `insert into effect values (?)`, txctx.AttemptOf(ctx).Number) // would succeed
		return nil
	})
	if want := "[statement serialization commit none]"; runs != 2 || err != nil || reasons() != want {
		t.Errorf("ran %d times, error %v, ended as %s, want %s", runs, err, reasons(), want)
	}
	var n, attempt int
	if err := db.SQL().QueryRow(`select n, attempt from counter, effect`).Scan(&n, &attempt); err != nil || n != 11 || attempt != 2 || effects(t, db.DB) != 1 {
		t.Errorf("the counter is %d, want 11; the effect is of attempt %d; %d effects; error %v", n, attempt, effects(t, db.DB), err)
	}
}

// TestCommitIsRefusedByAReader, as a rollback journal has it: nothing is committed,
// that is certain, and the connection is clean.
//
// Mutation seen to fail it: CommitUnknown for what COMMIT says.
func TestCommitIsRefusedByAReader(t *testing.T) {
	db := openShared(t, "_journal=DELETE")
	db.SQL().SetMaxOpenConns(1)
	var reader *sql.Rows
	o, reasons := watched(quick())
	runs, err := run(db.DB, o, func(ctx context.Context) error {
		if err := exec(ctx, `insert into effect values (?)`, txctx.AttemptOf(ctx).Number); err != nil {
			return err
		}
		var err error
		if txctx.AttemptOf(ctx).Number == 1 {
			reader, err = db.other.QueryContext(t.Context(), `select n from counter union all values (1), (2)`)
			if err == nil && !reader.Next() {
				t.Error(reader.Err())
			}
		} else {
			err = reader.Close()
		}
		return err
	})
	if want := "[commit lock_timeout commit none]"; runs != 2 || err != nil || reasons() != want {
		t.Errorf("ran %d times, error %v, ended as %s, want %s", runs, err, reasons(), want)
	}
	var attempt int
	if err := db.SQL().QueryRow(`select attempt from effect`).Scan(&attempt); err != nil || attempt != 2 || effects(t, db.DB) != 1 {
		t.Errorf("the effect is of attempt %d; %d effects; error %v", attempt, effects(t, db.DB), err)
	}
}

// TestAReaderDoesNotBlockAWriterInWAL, which is why WAL is the default.
func TestAReaderDoesNotBlockAWriterInWAL(t *testing.T) {
	db := openShared(t, "")
	reader, err := db.other.Query(`select n from counter union all values (1), (2)`)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if !reader.Next() {
		t.Fatal(reader.Err())
	}
	if runs, err := run(db.DB, once(), count); runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}
