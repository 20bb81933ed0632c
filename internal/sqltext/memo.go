package sqltext

import "sync"

// Memo keeps what was read in texts, so that one which comes again and again is read once.
// It may be used by several goroutines.
type Memo[T any] struct {
	read func(sql string) T

	mu   sync.RWMutex
	m    map[string]T
	size int // of the texts in m
}

// How much a Memo keeps; then it begins anew. Longer texts are not kept at all.
const (
	memoTexts = 1000
	memoSize  = 1 << 20
	memoText  = memoSize / 16
)

// NewMemo returns a Memo of what read finds in a text.
func NewMemo[T any](read func(sql string) T) *Memo[T] {
	return &Memo[T]{read: read, m: make(map[string]T)}
}

// Of returns what is in sql.
func (m *Memo[T]) Of(sql string) T {
	m.mu.RLock()
	t, ok := m.m[sql]
	m.mu.RUnlock()
	if ok {
		return t
	}
	t = m.read(sql)
	if len(sql) > memoText {
		return t
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if first, ok := m.m[sql]; ok {
		return first
	}
	if len(m.m) >= memoTexts || m.size+len(sql) > memoSize {
		clear(m.m)
		m.size = 0
	}
	m.m[sql] = t
	m.size += len(sql)
	return t
}
