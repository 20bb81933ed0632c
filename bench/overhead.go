package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/txctx"
)

// untouched is a database for handlers that have no use for one.
type untouched struct{}

type noTx struct{}

func (untouched) Begin(ctx context.Context, _ *txctx.Control) (context.Context, txctx.Tx) {
	return ctx, noTx{}
}

func (noTx) Commit(context.Context) (txctx.Outcome, error) { return txctx.Committed, nil }
func (noTx) Rollback(context.Context) error                { return nil }
func (noTx) Judge(err error) error                         { return err }

func empty(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("done\n")) }

// ceiling returns how many requests a second the load generator can send.
func ceiling(ctx context.Context, p plan) float64 {
	return load(ctx, http.HandlerFunc(empty), http.MethodGet, p.clients, p.each).rate()
}

// printOverhead compares what it costs to wrap a handler that does not use the database.
func printOverhead(w io.Writer, p plan) {
	fmt.Fprintln(w, "\nA handler that does not use the database")
	var all []testing.BenchmarkResult
	for _, c := range []struct {
		name string
		h    http.Handler
	}{
		{"bare", http.HandlerFunc(empty)},
		{"http.TimeoutHandler", http.TimeoutHandler(http.HandlerFunc(empty), time.Minute, "")},
		{"Reprise", middleware.New(untouched{}, middleware.Config{})(http.HandlerFunc(empty))},
	} {
		best := testing.BenchmarkResult{N: 1, T: time.Hour}
		for range p.rounds {
			if r := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					send(b.Context(), c.h, http.MethodGet)
				}
			}); r.NsPerOp() < best.NsPerOp() {
				best = r
			}
		}
		fmt.Fprintf(w, "  %-20s %6d ns %4d allocs %6d bytes\n", c.name, best.NsPerOp(), best.AllocsPerOp(), best.AllocedBytesPerOp())
		all = append(all, best)
	}
	reached := all[2].NsPerOp() <= all[1].NsPerOp() && all[2].AllocsPerOp() <= all[1].AllocsPerOp()
	fmt.Fprintf(w, "  Reprise / http.TimeoutHandler, ns %.2f, allocs %.2f  <= 1.00  %s\n", float64(all[2].NsPerOp())/float64(all[1].NsPerOp()),
		float64(all[2].AllocsPerOp())/float64(all[1].AllocsPerOp()), verdict(reached))
}
