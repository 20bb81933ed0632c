package provoked_test

import (
	"os"
	"strings"
	"sync"

	"github.com/reprise-go/reprise/internal/corpus"
)

// row is one of the corpus, with the column that adapters have no use for.
type row struct {
	corpus.Row
	rollsBack string // what the server has undone by itself: "tx", "statement", "unknown"
}

var rows = sync.OnceValue(func() map[string]row {
	file, err := os.ReadFile("../corpus/errors.tsv")
	if err != nil {
		panic(err)
	}
	all := make(map[string]row)
	for _, r := range corpus.Rows() {
		all[r.ID] = row{Row: r}
	}
	for line := range strings.Lines(string(file)) {
		cells := strings.Split(line, "\t")
		if r, ok := all[cells[0]]; ok {
			r.rollsBack = cells[7]
			all[cells[0]] = r
		}
	}
	return all
})
