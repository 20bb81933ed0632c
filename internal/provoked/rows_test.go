package provoked_test

import (
	"sync"

	"github.com/reprise-go/reprise/internal/corpus"
)

// rows are those of the corpus by their ids.
var rows = sync.OnceValue(func() map[string]corpus.Row {
	all := make(map[string]corpus.Row)
	for _, r := range corpus.Rows() {
		all[r.ID] = r
	}
	return all
})
