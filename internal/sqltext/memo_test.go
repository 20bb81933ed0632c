package sqltext_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/internal/sqltext"
)

// TestMemoReadsOnce, whoever asks, until there is too much of it.
func TestMemoReadsOnce(t *testing.T) {
	read := 0
	m := sqltext.NewMemo(func(sql string) int { read++; return len(sql) })
	for range 3 {
		if m.Of("select 1") != 8 || m.Of("") != 0 {
			t.Error("not what was read")
		}
	}
	if read != 2 {
		t.Errorf("read %d times", read)
	}
	for i := range 2000 {
		m.Of(strconv.Itoa(i))
	}
	long := strings.Repeat("x", 1<<17)
	m.Of(long)
	read = 0
	m.Of(long)
	m.Of("select 1")
	if m.Of("1999"); read != 2 {
		t.Errorf("what is long, and what came long ago, was read %d times", read)
	}
}

func TestMemoOfManyBytes(t *testing.T) {
	read := 0
	m := sqltext.NewMemo(func(string) int { read++; return 0 })
	for i := range 64 {
		m.Of(strconv.Itoa(i) + strings.Repeat("x", 1<<15))
	}
	m.Of("0" + strings.Repeat("x", 1<<15))
	if read != 65 {
		t.Errorf("2 MiB are kept: read %d times", read)
	}
}

// TestMemoForAll: all goroutines get the same value.
func TestMemoForAll(t *testing.T) {
	m := sqltext.NewMemo(func(string) *int { return new(int) })
	got := make([]*int, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = m.Of("select 1") })
	}
	wg.Wait()
	for _, p := range got {
		if p != got[0] {
			t.Error("two values")
		}
	}
}
