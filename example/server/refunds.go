package main

import (
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
)

// getBooking answers GET /bookings/{id}.
func (s *server) getBooking(w http.ResponseWriter, r *http.Request) error {
	b, err := queryBooking(r, `select id, reference, show_id, seat, customer, price from booking where id=$1`)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b)
}

// refund answers DELETE /bookings/{id}: the seat is free again and the customer
// has the money back. A second one finds nothing and changes nothing.
func (s *server) refund(w http.ResponseWriter, r *http.Request) error {
	b, err := queryBooking(r, `delete from booking where id=$1 returning id, reference, show_id, seat, customer, price`)
	if err != nil {
		return err
	}
	_, err = pgadapter.Tx(r.Context()).Exec(r.Context(),
		`update show set sold=sold-1, takings=takings-$2 where id=$1`, b.Show, b.Price)
	if err != nil {
		return err
	}
	if err := credit(r.Context(), b.Customer, b.Price); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// queryBooking runs a statement that returns the booking in the path.
func queryBooking(r *http.Request, sql string) (b booking, err error) {
	id, err := pathID(r)
	if err != nil {
		return b, err
	}
	rows, err := pgadapter.Tx(r.Context()).Query(r.Context(), sql, id)
	if err != nil {
		return b, err
	}
	b, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[booking])
	if errors.Is(err, pgx.ErrNoRows) {
		return b, refuse(http.StatusNotFound, "there is no booking %d", id)
	}
	return b, err
}
