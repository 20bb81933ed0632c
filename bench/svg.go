package main

import (
	"bytes"
	"fmt"
	"html"
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

const (
	barHeight  = 16
	labelWidth = 190
	barWidth   = 420
)

// draw returns a picture of bars: what each variant reaches of the baseline.
func draw(ms []*measurement) []byte {
	var body bytes.Buffer
	y := 10
	for _, g := range groups(ms) {
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
		fmt.Fprintf(&body, `<text x="8" y="%d" class="t">%s</text>`+"\n", y+14,
			html.EscapeString(fmt.Sprintf("%s, %s, %s", g[0].Database, g[0].Work, g[0].Distance)))
		y += 22
		for _, d := range drawn {
			m := find(g, d.variant)
			if m == nil {
				continue
			}
			share := ratio(m, base).Mid
			width := share / most * barWidth
			fmt.Fprintf(&body, `<text x="%d" y="%d" class="l">%s</text><rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/><text x="%.0f" y="%d">%.2f%s</text>`+"\n",
				labelWidth-8, y+12, html.EscapeString(d.variant), labelWidth, y+1, width, barHeight-3, d.colour,
				labelWidth+width+6, y+12, share, givenUp(m))
			y += barHeight
		}
		y += 12
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Throughput of each variant, as a share of that of a bare pooled query where there is one, of database/sql or of a loop with jitter elsewhere">
<style>text{font:12px sans-serif;fill:#57606a}.t{font-weight:bold}.l{text-anchor:end}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}</style>
`, labelWidth+barWidth+140, y)
	out.Write(body.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// givenUp says how much was, where that was more than a little.
func givenUp(m *measurement) string {
	share := median(m, result.failedShare)
	if share < 0.1 {
		return ""
	}
	return fmt.Sprintf(" (%.0f %% given up)", share)
}
