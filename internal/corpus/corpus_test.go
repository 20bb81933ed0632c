package corpus_test

import (
	"testing"

	"github.com/reprise-go/reprise/internal/corpus"
	"github.com/reprise-go/reprise/retryable"
)

func TestRows(t *testing.T) {
	rows := corpus.Rows()
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.ID] {
			t.Errorf("%s stands there twice", r.ID)
		}
		seen[r.ID] = true
	}
	if len(rows) < 400 {
		t.Errorf("%d rows", len(rows))
	}
	deadlock := rows[0]
	for _, r := range rows {
		if r.ID == "pg-065" {
			deadlock = r
		}
	}
	if deadlock.Code != "40P01" || deadlock.Want != retryable.Deadlock || !deadlock.Reuse || len(deadlock.Phases) != 1 {
		t.Errorf("%+v", deadlock)
	}
}
