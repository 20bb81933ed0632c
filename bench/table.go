package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// baselines are what others are compared with: the first that took part.
var baselines = []string{"pooled query", "crdbpgx.ExecuteTx", "database/sql"}

// find returns the measurement of a variant among those of one work and distance.
func find(ms []*measurement, variant string) *measurement {
	for _, m := range ms {
		if m.Variant == variant {
			return m
		}
	}
	return nil
}

// groups splits measurements by database, work and distance, in the order they come in.
func groups(ms []*measurement) (all [][]*measurement) {
	for i, m := range ms {
		if i > 0 && m.Database == ms[i-1].Database && m.Work == ms[i-1].Work && m.Distance == ms[i-1].Distance {
			all[len(all)-1] = append(all[len(all)-1], m)
			continue
		}
		all = append(all, []*measurement{m})
	}
	return all
}

// printTables writes a table for every group.
func printTables(w io.Writer, ms []*measurement) {
	for _, g := range groups(ms) {
		var base *measurement
		for _, name := range baselines {
			if base = find(g, name); base != nil {
				break
			}
		}
		fmt.Fprintf(w, "\n%s, %s, %s\n", g[0].Database, g[0].Work, g[0].Distance)
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(tw, "\treq/s\tof %s\tp50\tp99\tfailed\tallocs\tround trips\tstatements\t\n", base.Variant)
		for _, m := range g {
			fmt.Fprintf(tw, "%s\t%.0f\t%s\t%.2f ms\t%.2f ms\t%.2f%%\t%.0f\t%s\t%s\t\n", m.Variant,
				median(m, result.rate), ratio(m, base),
				median(m, func(r result) float64 { return r.P50.Seconds() * 1000 }),
				median(m, func(r result) float64 { return r.P99.Seconds() * 1000 }),
				median(m, result.failedShare), m.Allocs, counted(m.Trips), counted(m.Statements))
		}
		_ = tw.Flush() // to a file or a terminal
	}
}

// counted writes what was counted, where it could be.
func counted(n float64) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", n)
}

// failedShare is what was given up, in percent.
func (r result) failedShare() float64 {
	return 100 * float64(r.Failed) / float64(max(1, r.Good+r.Failed))
}

// bar is a ratio that Reprise is to reach.
type bar struct {
	database, work, variant, against string
	near, far                        float64 // at loopback and at 1 ms; 0 for none
}

var bars = []bar{
	{"PostgreSQL", oneRead.name, "Reprise", "pooled query", 0.65, 0.95},
	{"PostgreSQL", oneRead.name, "Reprise", "pgx.BeginFunc", 1.6, 2.7},
	{"PostgreSQL", oneWrite.name, "Reprise", "pgx.BeginFunc", 1.2, 1.45},
	{"PostgreSQL", oneWrite.name, "Reprise", "crdbpgx.ExecuteTx", 1.3, 2.3},
	{"PostgreSQL", oneWrite.name, "Reprise", "Reprise, no verdict", 0.92, 0},
	{"PostgreSQL", oneWrite.name, "Reprise, ledger", "Reprise, no verdict", 0.70, 0},
	{"MariaDB", oneRead.name, "Reprise", "database/sql", 1.5, 1.9},
	{"MariaDB", oneWrite.name, "Reprise", "database/sql", 1.5, 1.9},
	{"MariaDB", mixed.name, "Reprise", "database/sql", 1.5, 1.9},
	{"PostgreSQL", hotRow.name, "Reprise", "crdbpgx.ExecuteTx", 3, 3},
	{"PostgreSQL", hotRow.name, "Reprise", "loop with jitter", 1, 1},
	{"PostgreSQL", hotRowRepeated.name, "Reprise", "crdbpgx.ExecuteTx", 3, 3},
	{"PostgreSQL", hotRowRepeated.name, "Reprise", "loop with jitter", 1, 1},
	{"MariaDB", hotRow.name, "Reprise", "loop with jitter", 1, 1},
	{"SQLite", hotRow.name, "Reprise", "loop with jitter", 1, 1},
}

// printBars writes which bars were reached.
func printBars(w io.Writer, ms []*measurement) {
	fmt.Fprintln(w, "\nBars")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range groups(ms) {
		for _, b := range bars {
			want := b.near
			if g[0].Distance != distance(false) {
				want = b.far
			}
			m, base := find(g, b.variant), find(g, b.against)
			if want == 0 || m == nil || base == nil || g[0].Database != b.database || g[0].Work != b.work {
				continue
			}
			got := ratio(m, base)
			fmt.Fprintf(tw, "%s, %s, %s\t%s / %s\t%v\t>= %.2f\t%s\n", b.database, b.work, g[0].Distance, b.variant, b.against, got, want, verdict(got.Mid >= want))
		}
		if m, loop := find(g, "Reprise"), find(g, "loop with jitter"); m != nil && loop != nil {
			printWaits(tw, m, loop)
		}
	}
	_ = tw.Flush()
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "MISSED"
}

// printWaits writes whether somebody gave up, and had to wait for longer than with a loop
// that gives up.
func printWaits(w io.Writer, m, loop *measurement) {
	where := fmt.Sprintf("%s, %s, %s", m.Database, m.Work, m.Distance)
	longest := ratioOf(m, loop, func(r result) float64 { return r.P99.Seconds() })
	fmt.Fprintf(w, "%s\tReprise / loop with jitter, p99\t%v\t<= 1.00\t%s\n", where, longest, verdict(longest.Mid <= 1))
	failed := 0
	for _, r := range m.Rounds {
		failed += r.Failed
	}
	fmt.Fprintf(w, "%s\tReprise, given up\t%d\t0\t%s\n", where, failed, verdict(failed == 0))
}
