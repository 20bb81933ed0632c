package sqliteadapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/reprise-go/reprise/internal/corpus"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
)

type coded int

func (c coded) Error() string { return fmt.Sprint("sqlite error ", int(c)) }
func (c coded) Code() int     { return int(c) }

// TestCorpus: every error of the corpus, as it is and in a tree.
func TestCorpus(t *testing.T) {
	number := regexp.MustCompile(`\b[0-9]+\b`)
	tested := 0
	for _, row := range corpus.Rows() {
		if row.Layer != "sqlite" {
			continue
		}
		tested++
		t.Run(row.ID, func(t *testing.T) {
			codes := []string{row.Code}
			if row.Code == "3850" || row.Code == "264" { // more of them stand in the text
				codes = append(codes, number.FindAllString(row.Message, -1)...)
			}
			for _, c := range codes {
				n, err := strconv.Atoi(c)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range row.Faults(coded(n)) {
					if got := sqliteadapter.Classify(f); !row.Accepts(f.Phase, got) {
						t.Errorf("%v at %v: %v, want %v (%s)", f.Err, f.Phase, got, row.Want, row.Note)
					}
				}
			}
		})
	}
	if tested < 36 {
		t.Errorf("%d rows", tested)
	}
}

// TestClassify: what the corpus does not hold.
func TestClassify(t *testing.T) {
	const C, S, K = retryable.Connect, retryable.Statement, retryable.Commit
	for _, row := range []struct {
		err   error
		phase retryable.Phase
		want  retryable.Reason
	}{
		{nil, S, retryable.None},
		{coded(262), S, retryable.LockTimeout},
		{coded(778), S, retryable.None},
		{coded(3850), K, retryable.CommitUnknown},
		{coded(1032), K, retryable.CommitUnknown},
		{coded(8), S, retryable.None},
		{driver.ErrBadConn, S, retryable.Disconnected},
		{driver.ErrBadConn, K, retryable.CommitUnknown},
		{driver.ErrBadConn, C, retryable.Disconnected},
		{context.Canceled, S, retryable.None},
		{context.Canceled, K, retryable.CommitUnknown},
	} {
		if got := sqliteadapter.Classify(retryable.Fault{Err: row.err, Phase: row.phase}); got != row.want {
			t.Errorf("%v at %v: %v, want %v", row.err, row.phase, got, row.want)
		}
	}
}

// FuzzClassify: no code makes it panic, and what SQLite has not refused is no reason to
// replay in answer to COMMIT.
func FuzzClassify(f *testing.F) {
	f.Add(517, uint8(2), true)
	f.Add(10, uint8(2), true)
	f.Add(0, uint8(2), false)
	f.Fuzz(func(t *testing.T, code int, phase uint8, answered bool) {
		err := errors.New("x")
		if answered {
			err = coded(code)
		}
		got := sqliteadapter.Classify(retryable.Fault{Err: fmt.Errorf("x: %w", err), Phase: retryable.Phase(phase % 3)})
		if phase%3 == 2 && got.Replayable() && (!answered || code&0xff == 10) {
			t.Errorf("%v at COMMIT: %v", err, got)
		}
	})
}

// BenchmarkClassify: a verdict must be cheaper than anything around it.
func BenchmarkClassify(b *testing.B) {
	for name, err := range map[string]error{
		"busy":    fmt.Errorf("x: %w", coded(5)),
		"unknown": errors.New("no rows in result set"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f := retryable.Fault{Err: err, Phase: retryable.Statement}
			for b.Loop() {
				_ = sqliteadapter.Classify(f)
			}
		})
	}
}

// TestErrorsTable: docs/errors.md says what the code does.
func TestErrorsTable(t *testing.T) {
	corpus.CheckTable(t, "SQLite", 25, func(entry corpus.Entry) error {
		code, err := strconv.Atoi(entry.Code)
		if err != nil {
			t.Fatal(err)
		}
		return coded(code)
	}, sqliteadapter.Classify)
}
