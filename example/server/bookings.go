package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// booking is a seat that somebody has paid for.
type booking struct {
	ID        int64  `json:"id"`
	Reference string `json:"reference"`
	Show      int64  `json:"show" db:"show_id"`
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
// It is written as if nobody else were there. If somebody is, SERIALIZABLE makes
// one of the two fail, and that one is replayed.
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
	tx := pgadapter.Tx(ctx)
	err = tx.QueryRow(ctx, `select sold, seats, price from show where id=$1`, b.Show).Scan(&sold, &seats, &b.Price)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, noShow(b.Show)
	case err != nil:
		return 0, err
	case sold == seats:
		return 0, refuse(http.StatusConflict, "the show is sold out")
	}
	_, err = tx.Exec(ctx, `update show set sold=sold+1, takings=takings+price where id=$1`, b.Show)
	return seats, err
}

// freeSeat returns the seat that was asked for, or the first free one.
func freeSeat(ctx context.Context, showID int64, want, seats int) (seat int, err error) {
	if want < 0 || want > seats {
		return 0, refuse(http.StatusUnprocessableEntity, "seat: the show has seats 1 to %d", seats)
	}
	first, last := want, want
	if want == 0 {
		first, last = 1, seats
	}
	err = pgadapter.Tx(ctx).QueryRow(ctx, `
		select seats.seat from generate_series($2::int, $3::int) as seats(seat)
		where not exists (select from booking where booking.show_id=$1 and booking.seat=seats.seat)
		order by seats.seat limit 1`, showID, first, last).Scan(&seat)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, refuse(http.StatusConflict, "seat %d is taken", want)
	}
	return seat, err
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
	err = pgadapter.Tx(ctx).QueryRow(ctx, `
		insert into booking (reference, show_id, seat, customer, price) values ($1, $2, $3, $4, $5)
		returning id`, b.Reference, b.Show, b.Seat, b.Customer, b.Price).Scan(&b.ID)
	if taken, ok := errors.AsType[*pgconn.PgError](err); ok && taken.ConstraintName == "one_booking_per_seat" {
		// A moment ago this attempt saw the seat free, so it is about to answer
		// from a view of the world that has passed. A replay looks again: then a
		// seat that was asked for is a 409 with good reason, and "any seat" is
		// another seat, where a 409 now would have been wrong.
		return retryable.Mark(err)
	}
	return err
}
