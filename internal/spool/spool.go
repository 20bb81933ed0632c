// Package spool keeps bytes that are written once and read many times: the
// first of them in memory, the rest in a temporary file.
package spool

import (
	"fmt"
	"io"
	"os"
)

// MemoryLimit is how many bytes a Spool keeps in memory.
const MemoryLimit = 64 << 10

// Spool is an append-only store of bytes. The zero value keeps its file in
// os.TempDir. It is not safe for concurrent use. Close it.
type Spool struct {
	// Dir is the folder of the temporary file; "" is os.TempDir().
	Dir string

	mem  []byte
	file *os.File
	path string // set while the file still has a name
	size int64  // of both
}

// Len returns the number of bytes written.
func (s *Spool) Len() int64 { return s.size }

// Write appends p. It fails only where the temporary file does.
func (s *Spool) Write(p []byte) (int, error) {
	n := min(len(p), MemoryLimit-len(s.mem))
	if n > 0 {
		s.mem = append(s.mem, p[:n]...)
		s.size += int64(n)
	}
	if n == len(p) {
		return n, nil
	}
	if s.file == nil {
		if err := s.create(); err != nil {
			return n, err
		}
	}
	m, err := s.file.WriteAt(p[n:], s.size-MemoryLimit)
	s.size += int64(m)
	if err != nil {
		err = fmt.Errorf("spool: %w", err)
	}
	return n + m, err
}

// create makes the file, readable by this user alone, and takes its name away at
// once where the system allows, so that it cannot outlive the process.
func (s *Spool) create() error {
	f, err := os.CreateTemp(s.Dir, "reprise-*")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.file = f
	if os.Remove(f.Name()) != nil {
		s.path = f.Name()
	}
	return nil
}

// CopyAt copies bytes from offset off into p: some, not necessarily all that
// would fit. At the end it returns io.EOF.
func (s *Spool) CopyAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	if off < int64(len(s.mem)) {
		return copy(p, s.mem[off:]), nil
	}
	n, err := s.file.ReadAt(p[:min(int64(len(p)), s.size-off)], off-MemoryLimit)
	if err != nil && err != io.EOF {
		return n, fmt.Errorf("spool: %w", err)
	}
	return n, nil
}

// WriteTo writes everything to w.
func (s *Spool) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(s.mem)
	if err != nil || s.file == nil {
		return int64(n), err
	}
	m, err := io.Copy(w, io.NewSectionReader(s.file, 0, s.size-MemoryLimit))
	return int64(n) + m, err
}

// Close removes the file. The Spool must not be read afterwards; a second Close
// does nothing.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.path != "" {
		if rerr := os.Remove(s.path); err == nil {
			err = rerr
		}
	}
	s.file, s.path = nil, ""
	return err
}

// Check reports why no Spool could keep a file in dir, nil if one can.
func Check(dir string) error {
	s := Spool{Dir: dir}
	if err := s.create(); err != nil {
		return err
	}
	return s.Close()
}
