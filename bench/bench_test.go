package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/pgserver"
)

// TestMain lets the test binary be the child that fromProcesses starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-child" {
		if err := serveParent(context.Background(), os.Args[2]); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// TestVariantsDoTheirWork: each variant, asked four times for each work, changes the
// accounts by as much as it says.
func TestVariantsDoTheirWork(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			db := started(t, b)
			for _, far := range db.distances() {
				db.setDistance(far)
				variants, done, err := b.variants(t.Context(), db.dsn(far), 4)
				if err != nil {
					t.Fatal(err)
				}
				defer done()
				for _, v := range variants {
					for _, w := range works {
						if v.skips == nil || !v.skips(w) {
							check(t, variants, v, w)
						}
					}
				}
			}
		})
	}
}

// check counts what a variant has changed, by another variant.
func check(t *testing.T, variants []variant, v variant, w work) {
	t.Helper()
	before := total(t, variants)
	h := v.serve(w)
	for range 4 {
		if !send(t.Context(), h, method(w)) {
			t.Errorf("%s, %s: the request failed", v.name, w.name)
		}
	}
	low := map[string]int{oneWrite.name: 4, three.name: 8, hotRow.name: 4, hotRowRepeated.name: 4}[w.name]
	high := low
	if w.name == mixed.name {
		high = 4
	}
	if n := total(t, variants) - before; n < low || n > high {
		t.Errorf("%s, %s: the accounts grew by %d, want %d to %d", v.name, w.name, n, low, high)
	}
}

// total adds up the accounts.
func total(t *testing.T, variants []variant) (sum int) {
	t.Helper()
	for _, v := range variants {
		if v.sum != nil {
			n, err := v.sum(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("nobody can add up the accounts")
	return 0
}

func started(t *testing.T, b brand) *database {
	t.Helper()
	db, err := b.start(t.Context())
	if db != nil {
		t.Cleanup(db.close)
	}
	if errors.Is(err, pgserver.ErrNotInstalled) || errors.Is(err, mariaserver.ErrNotInstalled) {
		dbtest.Missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestTheWholeProgram runs all of it once, for a moment.
func TestTheWholeProgram(t *testing.T) {
	b := brands[2] // which needs no server
	p := plan{rounds: 2, each: 20 * time.Millisecond, clients: 2, crowd: 4}
	ms, err := measure(t.Context(), b, p, "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	printTables(&out, ms)
	printBars(&out, ms)
	printOverhead(io.Discard, plan{rounds: 1})
	for _, want := range []string{"SQLite, one read, loopback", "SQLite, hot row, from two processes", "go-transaction-manager"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if err := xml.Unmarshal(draw(ms), new(struct{})); err != nil {
		t.Errorf("the picture: %v", err)
	}
}
