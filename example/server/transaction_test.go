package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/txctx"
)

// in runs fn in a transaction of its own on the service's database.
func (s *service) in(fn func(context.Context) error) error {
	return txctx.Run(s.t.Context(), s.db.requests, txctx.Options{}, fn)
}

const insertBooking = `insert into bookings (reference, show_id, seat, customer, price) values (?, ?, ?, ?, 1)`

// TestTransactionsAreAlike: what the handlers rely on means the same everywhere.
//
// Mutation seen to fail it: count changed rows on MySQL.
func TestTransactionsAreAlike(t *testing.T) { onEngines(t, testTransactionsAreAlike) }

func testTransactionsAreAlike(t *testing.T, e engine) {
	s := e.start(t, options{})
	err := s.in(func(ctx context.Context) error {
		id, err := tx(ctx).insert(ctx, insertBooking, "first", 1, 1, "ada")
		if err != nil {
			return err
		}
		next, err := tx(ctx).insert(ctx, insertBooking, "second", 1, 2, "ada")
		if err != nil {
			return err
		}
		var reference string
		if err := tx(ctx).queryRow(ctx, `select reference from bookings where id=?`, next).Scan(&reference); err != nil {
			return err
		}
		if next <= id || reference != "second" {
			t.Errorf("ids %d and %d, the latter is %q", id, next, reference)
		}
		found, err := tx(ctx).exec(ctx, `update bookings set price=1 where show_id=?`, 1)
		if err != nil || found != 2 {
			t.Errorf("%d rows found, %v: a row that stays as it was counts", found, err)
		}
		if found, err = tx(ctx).exec(ctx, `delete from bookings where show_id=?`, 99); err != nil || found != 0 {
			t.Errorf("%d rows found, %v", found, err)
		}
		if err := tx(ctx).queryRow(ctx, `select reference from bookings where id=0`).Scan(&reference); !errors.Is(err, errNoRow) {
			t.Errorf("no row is %v", err)
		}
		seats, err := takenSeats(ctx, 1)
		if err != nil || len(seats) != 2 || seats[0] != 1 || seats[1] != 2 {
			t.Errorf("seats %v, %v", seats, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDuplicates(t *testing.T) { onEngines(t, testDuplicates) }

func testDuplicates(t *testing.T, e engine) {
	s := e.start(t, options{})
	for _, test := range []struct {
		name, query string
		args        []any
		want        bool
	}{
		{"seat", insertBooking, []any{"other", 1, 1, "ada"}, true},
		{"reference", insertBooking, []any{"first", 1, 2, "ada"}, true},
		{"primary key", `insert into accounts (name, balance) values (?, 1)`, []any{"ada"}, true},
		{"no such customer", insertBooking, []any{"other", 1, 2, "nobody"}, false},
		{"check", `update accounts set balance=? where name='ada'`, []any{-1}, false},
		{"no such table", `insert into nowhere values (?)`, []any{1}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got error
			_ = s.in(func(ctx context.Context) error { // rolled back by the error
				if _, err := tx(ctx).insert(ctx, insertBooking, "first", 1, 1, "ada"); err != nil {
					t.Error(err)
				}
				_, got = tx(ctx).exec(ctx, test.query, test.args...)
				return got
			})
			if got == nil || isDuplicate(got) != test.want || refusalText(got) == "" {
				t.Errorf("%v: isDuplicate is %v, the database says %q", got, isDuplicate(got), refusalText(got))
			}
		})
	}
}

// TestShowWithoutPrice: a refund of nothing finds its customer, although it
// changes nothing about him.
func TestShowWithoutPrice(t *testing.T) { onEngines(t, testShowWithoutPrice) }

func testShowWithoutPrice(t *testing.T, e engine) {
	s := e.start(t, options{})
	s.exec(`update shows set price=0 where id=1`)
	b := s.want(http.StatusCreated, "POST", "/shows/1/bookings", `{"customer":"ada"}`)
	s.want(http.StatusNoContent, "DELETE", b.header.Get("Location"), "")
}

// TestGETsMayNotWrite: the database itself refuses it.
//
// Mutation seen to fail it, on every engine: no Config.ReadOnly.
func TestGETsMayNotWrite(t *testing.T) { onEngines(t, testGETsMayNotWrite) }

func testGETsMayNotWrite(t *testing.T, e engine) {
	s := e.start(t, options{})
	write := reprise(s.db, options{})(middleware.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return credit(r.Context(), "ada", 1)
	}))
	for _, test := range []struct {
		method string
		status int
		ada    int64
	}{
		{"GET", http.StatusInternalServerError, 50000},
		{"POST", http.StatusOK, 50001},
	} {
		answer := httptest.NewRecorder()
		write.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), test.method, "/", nil))
		if answer.Code != test.status {
			t.Errorf("%s: status %d, want %d", test.method, answer.Code, test.status)
		}
		if ada := s.number(`select balance from accounts where name='ada'`); ada != test.ada {
			t.Errorf("%s: ada has %d, want %d", test.method, ada, test.ada)
		}
	}
}

func TestDollars(t *testing.T) {
	for query, want := range map[string]string{
		"":                            "",
		"select 1":                    "select 1",
		"?":                           "$1",
		"a=? and b in (?, ?) limit ?": "a=$1 and b in ($2, $3) limit $4",
	} {
		if got := dollars(query); got != want {
			t.Errorf("%q became %q, want %q", query, got, want)
		}
	}
}
