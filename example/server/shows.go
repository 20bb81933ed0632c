package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
)

// show is an evening with seats to sell.
type show struct {
	ID       int64     `json:"id"`
	Title    string    `json:"title"`
	StartsAt time.Time `json:"starts_at" db:"starts_at"`
	Price    int64     `json:"price"` // cents
	Seats    int       `json:"seats"`
	Free     int       `json:"free"`
}

const selectShow = `select id, title, starts_at, price, seats, seats-sold as free from show`

// listShows answers GET /shows.
func (s *server) listShows(w http.ResponseWriter, r *http.Request) error {
	rows, err := pgadapter.Tx(r.Context()).Query(r.Context(), selectShow+` order by starts_at, id`)
	if err != nil {
		return err
	}
	shows, err := pgx.CollectRows(rows, pgx.RowToStructByName[show])
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string][]show{"shows": shows})
}

// getShow answers GET /shows/{id}: the show and the plan of its seats.
func (s *server) getShow(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	found, err := findShow(r.Context(), id)
	if err != nil {
		return err
	}
	plan, err := seatPlan(r.Context(), found)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		show
		Plan []seat `json:"plan"`
	}{found, plan})
}

func findShow(ctx context.Context, id int64) (show, error) {
	rows, err := pgadapter.Tx(ctx).Query(ctx, selectShow+` where id=$1`, id)
	if err != nil {
		return show{}, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[show])
	if errors.Is(err, pgx.ErrNoRows) {
		return show{}, noShow(id)
	}
	return found, err
}

func noShow(id int64) error { return refuse(http.StatusNotFound, "there is no show %d", id) }

// seat is a place in a show. Who sits there is nobody's business.
type seat struct {
	Seat int  `json:"seat"`
	Free bool `json:"free"`
}

func seatPlan(ctx context.Context, sh show) ([]seat, error) {
	rows, err := pgadapter.Tx(ctx).Query(ctx, `
		select seats.seat, booking.id is null as free
		from generate_series(1, $2::int) as seats(seat)
		left join booking on booking.show_id=$1 and booking.seat=seats.seat
		order by seats.seat`, sh.ID, sh.Seats)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[seat])
}
