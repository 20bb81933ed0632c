package torture

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/reprise-go/reprise/ledger"
)

// World is what is in the database in the end.
type World struct {
	Log       []LogRow
	Balances  []int64
	Ring      []int
	Lists     [][]string // in order of their places
	Places    [][]int
	HasLedger bool
	Marks     []Mark
}

// LogRow is a request that took effect.
type LogRow struct {
	Req      string
	Attempt  int
	Run      string
	Kind     Kind
	From, To int
	Amount   int64
}

// Mark is a row of the ledger.
type Mark struct {
	Run     string
	Attempt int
	Void    bool

	Keyed  bool // and then what is kept with the key
	Status int
	Body   string
}

// World reads everything, past the proxy.
func (b *Bed) World(tb testing.TB, ledgerToo bool) *World {
	tb.Helper()
	w := &World{HasLedger: ledgerToo, Lists: make([][]string, Lists), Places: make([][]int, Lists)}
	b.each(tb, `select req, attempt, run, kind, src, dst, amount from happened`, func(rows *sql.Rows) error {
		var r LogRow
		err := rows.Scan(&r.Req, &r.Attempt, &r.Run, &r.Kind, &r.From, &r.To, &r.Amount)
		w.Log = append(w.Log, r)
		return err
	})
	w.Balances = b.balances(tb)
	b.each(tb, `select succ from ring order by id`, func(rows *sql.Rows) error {
		var n int
		err := rows.Scan(&n)
		w.Ring = append(w.Ring, n)
		return err
	})
	b.each(tb, `select list, pos, req from list_item order by list, pos`, func(rows *sql.Rows) error {
		var list, pos int
		var req string
		if err := rows.Scan(&list, &pos, &req); err != nil {
			return err
		}
		w.Lists[list], w.Places[list] = append(w.Lists[list], req), append(w.Places[list], pos)
		return nil
	})
	if ledgerToo {
		run := `replace(run::text, '-', '')`
		if b.Engine == MariaDB {
			run = `lower(hex(run))`
		}
		columns := `attempt, case when void then 1 else 0 end, case when key_hash is null then 0 else 1 end, coalesce(status, 0), body`
		b.each(tb, fmt.Sprintf(`select %s, %s from %s`, run, columns, ledger.DefaultTable), func(rows *sql.Rows) error {
			var m Mark
			var void, keyed int
			var body []byte
			err := rows.Scan(&m.Run, &m.Attempt, &void, &keyed, &m.Status, &body)
			m.Void, m.Keyed, m.Body = void == 1, keyed == 1, string(body)
			w.Marks = append(w.Marks, m)
			return err
		})
	}
	return w
}

// balances reads those of all accounts, when the server is there.
func (b *Bed) balances(tb testing.TB) (all []int64) {
	tb.Helper()
	b.each(tb, `select balance from account order by id`, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		all = append(all, n)
		return err
	})
	return all
}

// each calls row for each row, past the proxy, when the server is there.
func (b *Bed) each(tb testing.TB, query string, row func(*sql.Rows) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.Await(ctx); err != nil {
		tb.Fatal(err)
	}
	rows, err := b.Admin.QueryContext(ctx, query)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			tb.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
}
