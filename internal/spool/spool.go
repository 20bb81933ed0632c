// Package spool keeps bytes that are written once and read many times: a few of them in
// memory, more in a temporary file.
package spool

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// MemoryLimit is how many bytes a Spool keeps in memory. What has more is in the file,
// all of it: large bodies hold no memory while they wait.
const MemoryLimit = 64 << 10

// small is what a Spool allocates for itself; beyond, it takes a block.
const small = 4 << 10

// blocks are the memory of Spools that were closed.
var blocks = sync.Pool{New: func() any { return new([MemoryLimit]byte) }}

// Spool is an append-only store of bytes. The zero value keeps its file in
// os.TempDir. It is not safe for concurrent use. Close it.
type Spool struct {
	// Dir is the folder of the temporary file; "" is os.TempDir().
	Dir string

	mem   []byte
	block *[MemoryLimit]byte // mem is in, nil if in none
	file  *os.File           // nil while everything is in mem
	path  string             // set while the file still has a name
	size  int64
}

// Len returns the number of bytes written.
func (s *Spool) Len() int64 { return s.size }

// Write appends p. It fails only where the temporary file does.
func (s *Spool) Write(p []byte) (int, error) {
	if s.file == nil {
		if len(s.mem)+len(p) <= MemoryLimit {
			s.keep(p)
			return len(p), nil
		}
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	n, err := s.file.WriteAt(p, s.size)
	s.size += int64(n)
	if err != nil {
		err = fmt.Errorf("spool: %w", err)
	}
	return n, err
}

// keep appends p to the memory.
func (s *Spool) keep(p []byte) {
	if s.block == nil && len(s.mem)+len(p) > small {
		s.block = blocks.Get().(*[MemoryLimit]byte)
		s.mem = append(s.block[:0], s.mem...)
	}
	s.mem = append(s.mem, p...)
	s.size += int64(len(p))
}

// spill moves everything into the file.
func (s *Spool) spill() error {
	if err := s.create(); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(s.mem, 0); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.release()
	return nil
}

// release lets go of the memory.
func (s *Spool) release() {
	if s.block != nil {
		blocks.Put(s.block)
	}
	s.mem, s.block = nil, nil
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
	if s.file == nil {
		return copy(p, s.mem[off:]), nil
	}
	n, err := s.file.ReadAt(p[:min(int64(len(p)), s.size-off)], off)
	if err != nil && err != io.EOF {
		return n, fmt.Errorf("spool: %w", err)
	}
	return n, nil
}

// WriteTo writes everything to w.
func (s *Spool) WriteTo(w io.Writer) (int64, error) {
	if s.file == nil {
		n, err := w.Write(s.mem)
		return int64(n), err
	}
	return io.Copy(w, io.NewSectionReader(s.file, 0, s.size))
}

// Close removes the file and gives the memory to other Spools: it must not be used
// afterwards. A second Close does nothing.
func (s *Spool) Close() error {
	s.release()
	s.size = 0
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
