package spool_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/reprise-go/reprise/internal/spool"
)

// pattern is n bytes that tell their position.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func readAll(t *testing.T, s *spool.Spool, chunk int) []byte {
	t.Helper()
	var out []byte
	p := make([]byte, chunk)
	for {
		n, err := s.CopyAt(p, int64(len(out)))
		out = append(out, p[:n]...)
		if err == io.EOF {
			return out
		}
		if err != nil || n == 0 {
			t.Fatalf("CopyAt(%d) = %d, %v", len(out), n, err)
		}
	}
}

func TestWhatIsWrittenIsReadManyTimes(t *testing.T) {
	t.Parallel()
	const limit = spool.MemoryLimit
	for _, tt := range []struct{ size, write, read int }{
		{0, 1, 1},
		{1, 1, 1},
		{limit - 1, 1000, 333},
		{limit, 1000, limit},
		{limit + 1, limit + 1, 100},
		{3*limit + 7, 10_007, 4096},
		{3 * limit, 3 * limit, 5 * limit},
	} {
		dir := t.TempDir()
		s := &spool.Spool{Dir: dir}
		want := pattern(tt.size)
		for rest := want; len(rest) > 0; {
			n := min(tt.write, len(rest))
			if m, err := s.Write(rest[:n]); m != n || err != nil {
				t.Fatalf("Write = %d, %v", m, err)
			}
			rest = rest[n:]
		}
		if s.Len() != int64(tt.size) {
			t.Errorf("Len() = %d, want %d", s.Len(), tt.size)
		}
		for range 2 {
			if !bytes.Equal(readAll(t, s, tt.read), want) {
				t.Errorf("%+v: CopyAt reads other bytes", tt)
			}
			var all bytes.Buffer
			if n, err := s.WriteTo(&all); n != int64(tt.size) || err != nil || !bytes.Equal(all.Bytes(), want) {
				t.Errorf("%+v: WriteTo = %d, %v, or other bytes", tt, n, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		wantEmpty(t, dir)
	}
}

func TestReadingAndWritingTakeTurns(t *testing.T) {
	t.Parallel()
	s := &spool.Spool{Dir: t.TempDir()}
	defer s.Close()
	want := pattern(2 * spool.MemoryLimit)
	var got []byte
	p := make([]byte, 9001)
	for off := 0; off < len(want); {
		n := min(7001, len(want)-off)
		_, _ = s.Write(want[off : off+n])
		off += n
		m, _ := s.CopyAt(p, int64(len(got)))
		got = append(got, p[:m]...)
	}
	if !bytes.HasPrefix(want, got) {
		t.Error("other bytes")
	}
}

// Mutation: keep the name until Close.
func TestTheFileHasNoNameAndIsPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &spool.Spool{Dir: dir}
	defer s.Close()
	if _, err := s.Write(make([]byte, spool.MemoryLimit)); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, dir)
	if _, err := s.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names { // only where a file in use keeps its name
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestAnUnusableFolderIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := spool.Check(file); err == nil {
		t.Error("Check of a file is nil")
	}
	s := &spool.Spool{Dir: file}
	defer s.Close()
	if n, err := s.Write(make([]byte, 10)); n != 10 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	n, err := s.Write(make([]byte, spool.MemoryLimit))
	if n != 0 || err == nil || s.Len() != 10 {
		t.Errorf("Write = %d, %v; Len() = %d", n, err, s.Len())
	}
}

// TestWhatIsInTheFileIsNotInMemory: large bodies wait without holding any, and small
// ones hold about as much as they have.
//
// Mutation seen to fail it: keep the block when the file is made.
func TestWhatIsInTheFileIsNotInMemory(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ bytes, most int }{{1 << 20, 4 << 10}, {2 << 10, 8 << 10}} {
		const n = 200
		spools := make([]spool.Spool, n)
		body := pattern(tt.bytes)
		before := heap()
		for i := range spools {
			spools[i].Dir = dir
			for chunk := range slices.Chunk(body, 32<<10) {
				if _, err := spools[i].Write(chunk); err != nil {
					t.Fatal(err)
				}
			}
		}
		if held := (heap() - before) / n; held > tt.most {
			t.Errorf("a body of %d bytes holds %d", tt.bytes, held)
		}
		for i := range spools {
			if err := spools[i].Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// heap returns the bytes that are in use.
func heap() int {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestCheckLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := spool.Check(dir); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, dir)
}

func TestWriteToStopsAtAnError(t *testing.T) {
	t.Parallel()
	s := &spool.Spool{Dir: t.TempDir()}
	defer s.Close()
	_, _ = s.Write(pattern(spool.MemoryLimit + 10))
	if n, err := s.WriteTo(&full{room: 100}); n != 100 || !errors.Is(err, errFull) {
		t.Errorf("WriteTo = %d, %v", n, err)
	}
	if n, err := s.WriteTo(&full{room: spool.MemoryLimit}); n != spool.MemoryLimit || !errors.Is(err, errFull) {
		t.Errorf("WriteTo = %d, %v", n, err)
	}
}

var errFull = errors.New("full")

type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	f.room -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("left behind: %s", entry.Name())
	}
}
