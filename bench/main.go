package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

func main() {
	var p plan
	flag.IntVar(&p.rounds, "rounds", 6, "rounds; medians are taken of them")
	flag.DurationVar(&p.each, "each", time.Second, "how long a variant runs in a round")
	flag.IntVar(&p.clients, "clients", 8, "clients at a time")
	flag.IntVar(&p.crowd, "crowd", 64, "clients at the hot row")
	only := flag.String("only", "", "measure what has this in its headline, such as \"PostgreSQL, one read\"")
	picture := flag.String("svg", "", "file to draw the ratios into")
	child := flag.String("child", "", "used by the program itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *child != "" {
		if err := serveParent(ctx, *child); err != nil {
			fmt.Fprintln(os.Stderr, "bench: child:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, p, *only, *picture); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, only, picture string) error {
	fmt.Printf("%s, %d CPUs, %d clients, %d rounds of %v each\n", runtime.Version(), runtime.NumCPU(), p.clients, p.rounds, p.each)
	fmt.Printf("The load generator alone, against an empty handler: %.0f req/s\n", ceiling(ctx, p))
	if strings.Contains("no database", only) {
		printOverhead(os.Stdout, p)
	}
	var all []*measurement
	for _, b := range brands {
		ms, err := measure(ctx, b, p, only)
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		all = append(all, ms...)
	}
	printTables(os.Stdout, all)
	printBars(os.Stdout, all)
	if picture != "" {
		return os.WriteFile(picture, draw(all), 0o644)
	}
	return nil
}

// works are all there are.
var works = []work{oneRead, oneWrite, mixed, three, hotRow, hotRowRepeated}

// measure measures on one database, at all distances, and at last from two processes.
func measure(ctx context.Context, b brand, p plan, only string) ([]*measurement, error) {
	chosen := func(where string) (some []work) {
		for _, w := range works {
			if w.weaker && b.name != "PostgreSQL" {
				continue
			}
			if strings.Contains(b.name+", "+w.name+", "+where, only) {
				some = append(some, w)
			}
		}
		return some
	}
	db, err := b.start(ctx)
	if db != nil {
		defer db.close()
	}
	if err != nil {
		return nil, err
	}
	var all []*measurement
	for _, far := range db.distances() {
		ms, err := compare(ctx, b, db, far, chosen(distance(far)), p)
		if err != nil {
			return nil, err
		}
		all = append(all, ms...)
	}
	for _, w := range chosen(twoProcesses) {
		if w.hot && !w.weaker {
			ms, err := fromProcesses(ctx, b, db, w, p)
			if err != nil {
				return nil, err
			}
			all = append(all, ms...)
		}
	}
	return all, nil
}
