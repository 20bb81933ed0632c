package main

import (
	"bytes"
	"fmt"
	"html"
	"slices"
)

// drawn are the variants in the picture, with their colours, which can be told apart on
// light and on dark.
var drawn = []struct{ variant, colour string }{
	{"pooled query", "#8b949e"},
	{"pgx.BeginFunc", "#d29922"},
	{"database/sql", "#d29922"},
	{"crdbpgx.ExecuteTx", "#db6d28"},
	{"go-transaction-manager", "#a371f7"},
	{"loop with jitter", "#8b949e"},
	{"Reprise", "#2ea043"},
}

// pictured are the works in it.
var pictured = []string{oneRead.name, oneWrite.name, three.name, hotRow.name}

const (
	barHeight   = 15
	labelWidth  = 150
	barWidth    = 210
	columnWidth = labelWidth + barWidth + 140
)

// draw returns a picture of bars: what each variant reaches of the baseline. What is
// near stands on the left, what is not on the right.
func draw(ms []*measurement) []byte {
	var body bytes.Buffer
	bottom := [2]int{10, 10}
	for _, g := range groups(ms) {
		if g[0].Database == "SQLite" && g[0].Work != hotRow.name || !slices.Contains(pictured, g[0].Work) {
			continue // no wire, and little to compare
		}
		column := 1
		if g[0].Distance == distance(false) {
			column = 0
			bottom = [2]int{max(bottom[0], bottom[1]), max(bottom[0], bottom[1])}
		}
		bottom[column] = drawGroup(&body, g, column*columnWidth, bottom[column])
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Throughput of each variant, as a share of that of a bare pooled query where there is one, and of a loop with jitter at the hot row">
<style>text{font:11px sans-serif;fill:#57606a}.t{font-weight:bold}.l{text-anchor:end}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}</style>
`, 2*columnWidth, max(bottom[0], bottom[1]))
	out.Write(body.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// drawGroup draws a group and returns where it ends.
func drawGroup(out *bytes.Buffer, g []*measurement, x, y int) int {
	base, most := g[0], 0.0
	for _, name := range []string{"database/sql", "loop with jitter", "pooled query"} {
		if m := find(g, name); m != nil {
			base = m
		}
	}
	for _, d := range drawn {
		if m := find(g, d.variant); m != nil {
			most = max(most, ratio(m, base).Mid)
		}
	}
	fmt.Fprintf(out, `<text x="%d" y="%d" class="t">%s</text>`+"\n", x+8, y+14,
		html.EscapeString(fmt.Sprintf("%s, %s, %s", g[0].Database, g[0].Work, g[0].Distance)))
	y += 22
	for _, d := range drawn {
		m := find(g, d.variant)
		if m == nil {
			continue
		}
		share := ratio(m, base).Mid
		width := int(share / most * barWidth)
		fmt.Fprintf(out, `<text x="%d" y="%d" class="l">%s</text><rect x="%d" y="%d" width="%d" height="%d" fill="%s"/><text x="%d" y="%d">%.2f%s</text>`+"\n",
			x+labelWidth-8, y+11, html.EscapeString(d.variant), x+labelWidth, y+1, width, barHeight-3, d.colour,
			x+labelWidth+width+6, y+11, share, givenUp(m))
		y += barHeight
	}
	return y + 12
}

// givenUp says how much was, where that was more than a little.
func givenUp(m *measurement) string {
	share := median(m, result.failedShare)
	if share < 0.1 {
		return ""
	}
	return fmt.Sprintf(" (%.0f %% given up)", share)
}
