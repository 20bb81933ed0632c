package main

import (
	"errors"
	"net/http"
)

// getBooking answers GET /bookings/{id}.
func (s *server) getBooking(w http.ResponseWriter, r *http.Request) error {
	b, err := findBooking(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b)
}

// refund answers DELETE /bookings/{id}: the seat is free again and the customer
// has the money back. A second one finds nothing and changes nothing.
func (s *server) refund(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	b, err := findBooking(r)
	if err != nil {
		return err
	}
	if _, err := tx(ctx).exec(ctx, `delete from bookings where id=?`, b.ID); err != nil {
		return err
	}
	_, err = tx(ctx).exec(ctx, `update shows set sold=sold-1, takings=takings-? where id=?`, b.Price, b.Show)
	if err != nil {
		return err
	}
	if err := credit(ctx, b.Customer, b.Price); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// findBooking returns the booking in the path.
func findBooking(r *http.Request) (b booking, err error) {
	id, err := pathID(r)
	if err != nil {
		return b, err
	}
	ctx := r.Context()
	err = tx(ctx).queryRow(ctx, `select id, reference, show_id, seat, customer, price from bookings where id=?`, id).
		Scan(&b.ID, &b.Reference, &b.Show, &b.Seat, &b.Customer, &b.Price)
	if errors.Is(err, errNoRow) {
		err = refuse(http.StatusNotFound, "there is no booking %d", id)
	}
	return b, err
}
