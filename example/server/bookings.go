package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// booking is a seat that somebody has paid for.
type booking struct {
	ID        int64  `json:"id"`
	Reference string `json:"reference"`
	Show      int64  `json:"show"`
	Seat      int    `json:"seat"`
	Customer  string `json:"customer"`
	Price     int64  `json:"price"` // cents
}

// book answers POST /shows/{id}/bookings: it sells a seat.
func (s *server) book(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	showID, err := pathID(r)
	if err != nil {
		return err
	}
	var in struct {
		Customer string `json:"customer"`
		Seat     int    `json:"seat"` // 0 is the next one that is free
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	b, err := sell(ctx, showID, in.Seat, in.Customer)
	if err != nil {
		return err
	}
	// A receipt must not go out for an attempt that is thrown away.
	txctx.AfterCommit(ctx, func(ctx context.Context) {
		s.log.InfoContext(ctx, "receipt", "reference", b.Reference, "customer", b.Customer,
			"show", b.Show, "seat", b.Seat, "price", b.Price)
	})
	w.Header().Set("Location", fmt.Sprintf("/bookings/%d", b.ID))
	return writeJSON(w, http.StatusCreated, b)
}

// sell counts the seat as sold, finds it, takes the money and writes the booking.
// Where one of the later steps refuses, the earlier ones never happened.
//
// It is written as if nobody else were there. If somebody is, the database makes
// one of the two wait or fail, and the one that fails is replayed.
func sell(ctx context.Context, showID int64, seat int, customer string) (booking, error) {
	b := booking{Show: showID, Customer: customer}
	seats, err := countSold(ctx, &b)
	if err != nil {
		return b, err
	}
	if b.Seat, err = freeSeat(ctx, showID, seat, seats); err != nil {
		return b, err
	}
	if err := pay(ctx, customer, b.Price); err != nil {
		return b, err
	}
	return b, record(ctx, &b)
}

// countSold counts one more seat as sold and returns how many there are. It comes
// first because this row is what bookings of one show get in each other's way
// about: who has to be replayed should learn it early.
func countSold(ctx context.Context, b *booking) (seats int, err error) {
	var sold int
	err = tx(ctx).queryRow(ctx, `select sold, seats, price from shows where id=?`, b.Show).Scan(&sold, &seats, &b.Price)
	switch {
	case errors.Is(err, errNoRow):
		return 0, noShow(b.Show)
	case err != nil:
		return 0, err
	case sold == seats:
		return 0, refuse(http.StatusConflict, "the show is sold out")
	}
	_, err = tx(ctx).exec(ctx, `update shows set sold=sold+1, takings=takings+price where id=?`, b.Show)
	return seats, err
}

// freeSeat returns the seat that was asked for, or the first free one.
func freeSeat(ctx context.Context, showID int64, want, seats int) (int, error) {
	if want < 0 || want > seats {
		return 0, refuse(http.StatusUnprocessableEntity, "seat: the show has seats 1 to %d", seats)
	}
	if want == 0 {
		return firstFree(ctx, showID, seats)
	}
	var taken int
	err := tx(ctx).queryRow(ctx, `select count(*) from bookings where show_id=? and seat=?`, showID, want).Scan(&taken)
	if err == nil && taken > 0 {
		err = refuse(http.StatusConflict, "seat %d is taken", want)
	}
	return want, err
}

// firstFree returns the lowest number that no booking has.
func firstFree(ctx context.Context, showID int64, seats int) (int, error) {
	taken, err := takenSeats(ctx, showID)
	if err != nil {
		return 0, err
	}
	free := 1
	for free <= len(taken) && taken[free-1] == free {
		free++
	}
	if free > seats { // somebody booked and did not count it
		return 0, refuse(http.StatusConflict, "the show is sold out")
	}
	return free, nil
}

// takenSeats returns the numbers of the seats that are sold, in order.
func takenSeats(ctx context.Context, showID int64) ([]int, error) {
	return collect(ctx, func(r row) (seat int, err error) { return seat, r.Scan(&seat) },
		`select seat from bookings where show_id=? order by seat`, showID)
}

// record writes the booking.
func record(ctx context.Context, b *booking) error {
	// The same in all attempts, so that whoever finds the reference in a log
	// finds all of them.
	reference, err := txctx.Once(ctx, "booking reference", func() (string, error) { return rand.Text()[:12], nil })
	if err != nil {
		return err
	}
	b.Reference = reference
	b.ID, err = tx(ctx).insert(ctx, `
		insert into bookings (reference, show_id, seat, customer, price) values (?, ?, ?, ?, ?)`,
		b.Reference, b.Show, b.Seat, b.Customer, b.Price)
	if isDuplicate(err) {
		// A moment ago this attempt saw the seat free, so it is about to answer
		// from a view of the world that has passed. A replay looks again: then a
		// seat that was asked for is a 409 with good reason, and "any seat" is
		// another seat, where a 409 now would have been wrong.
		return retryable.Mark(err)
	}
	return err
}
