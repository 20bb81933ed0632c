package outage_test

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"
)

// column is one run in the picture: a value for each second.
type column struct {
	title                       string
	outage                      outage
	requests, attempts, ok, p99 []float64 // p99 in seconds
}

func newColumn(name string, l *load, o outage) column {
	c := column{title: strings.ReplaceAll(name, "-", " "), outage: o}
	var last time.Duration
	for _, q := range l.rec.requests {
		last = max(last, q.at)
	}
	for s := time.Duration(0); s+time.Second <= last; s += time.Second {
		w := l.rec.within(s, s+time.Second)
		c.requests = append(c.requests, float64(w.requests))
		c.attempts = append(c.attempts, float64(w.attempts))
		c.ok = append(c.ok, float64(w.answered200))
		c.p99 = append(c.p99, max(w.p99.Seconds(), 0.001))
	}
	return c
}

const (
	plotWidth, plotHeight = 330, 130
	plotLeft, plotTop     = 56, 44
	nextPlot              = plotHeight + 42
	nextColumn            = plotLeft + plotWidth + 20
)

// curve is one of the lines in a plot, in a colour that can be told apart from the others
// on light and on dark.
type curve struct {
	name, colour string
	values       []float64
}

// mark is a line of the grid.
type mark struct {
	label string
	value float64
}

// draw returns a picture: what comes in a second above, the p99 below, and the outage as a
// shade behind both.
func draw(columns []column) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Requests, attempts and answers with 200 a second, and the p99, through an outage, second by second">
<style>text{font:11px sans-serif;fill:#57606a}.t{font-weight:bold}.r{text-anchor:end}.m{text-anchor:middle}polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}.g{stroke:#8b949e;stroke-opacity:.3}.o{fill:#f85149;fill-opacity:.12}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}</style>
`, len(columns)*nextColumn+10, plotTop+2*nextPlot)
	for i, c := range columns {
		x := float64(plotLeft + i*nextColumn)
		fmt.Fprintf(&out, `<text x="%.0f" y="14" class="t">%s</text>`+"\n", x, html.EscapeString(c.title))
		counts := []curve{{"attempts", "#d29922", c.attempts}, {"requests", "#8b949e", c.requests}, {"200", "#2ea043", c.ok}}
		most := 200 * math.Ceil(slices.Max(c.requests)*2.2/200)
		if peak := slices.Max(c.ok); peak > most { // what has waited is answered all at once
			fmt.Fprintf(&out, `<text x="%.0f" y="%d" class="r">200 up to %.0f/s</text>`+"\n", x+plotWidth, plotTop-7, peak)
		}
		c.plot(&out, x, plotTop, counts, func(v float64) float64 { return min(v/most, 1) },
			[]mark{{"0/s", 0}, {fmt.Sprintf("%.0f/s", most/2), most / 2}, {fmt.Sprintf("%.0f/s", most), most}})
		c.plot(&out, x, plotTop+nextPlot, []curve{{"p99 of what arrived then", "#a371f7", c.p99}},
			func(v float64) float64 { return math.Log10(v/0.001) / 5 }, // to 100 s
			[]mark{{"1 ms", 0.001}, {"10 ms", 0.01}, {"100 ms", 0.1}, {"1 s", 1}, {"10 s", 10}, {"100 s", 100}})
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// plot draws curves over the seconds. place says how far up a value is, from 0 to 1.
func (c column) plot(out *bytes.Buffer, x, y float64, curves []curve, place func(float64) float64, grid []mark) {
	seconds := float64(len(c.requests))
	across := func(s float64) float64 { return x + s/seconds*plotWidth }
	up := func(v float64) float64 { return y + plotHeight*(1-place(v)) }
	from, to := across(c.outage.from.Seconds()), across(c.outage.to.Seconds())
	fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" class="o"/>`+"\n", from, y, to-from, plotHeight)
	for _, m := range grid {
		fmt.Fprintf(out, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" class="g"/><text x="%.1f" y="%.1f" class="r">%s</text>`+"\n",
			x, x+plotWidth, up(m.value), up(m.value), x-4, up(m.value)+4, m.label)
	}
	for s := 0.0; s <= seconds; s += 10 {
		fmt.Fprintf(out, `<text x="%.1f" y="%.1f" class="m">%.0f s</text>`+"\n", across(s), y+plotHeight+14, s)
	}
	legend := x
	for _, k := range curves {
		fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="10" height="3" fill="%s"/><text x="%.1f" y="%.1f">%s</text>`+"\n",
			legend, y-12, k.colour, legend+14, y-7, k.name)
		legend += 30 + 6*float64(len(k.name))
		points := make([]string, len(k.values))
		for s, v := range k.values {
			points[s] = fmt.Sprintf("%.1f,%.1f", across(float64(s)+0.5), up(v))
		}
		fmt.Fprintf(out, `<polyline stroke="%s" points="%s"/>`+"\n", k.colour, strings.Join(points, " "))
	}
}
