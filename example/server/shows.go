package main

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// show is an evening with seats to sell.
type show struct {
	ID       int64     `json:"id"`
	Title    string    `json:"title"`
	StartsAt time.Time `json:"starts_at"`
	Price    int64     `json:"price"` // cents
	Seats    int       `json:"seats"`
	Free     int       `json:"free"`
}

const selectShow = `select id, title, starts_at, price, seats, seats-sold from shows`

func scanShow(r row) (sh show, err error) {
	err = r.Scan(&sh.ID, &sh.Title, &sh.StartsAt, &sh.Price, &sh.Seats, &sh.Free)
	sh.StartsAt = sh.StartsAt.UTC()
	return sh, err
}

// listShows answers GET /shows.
func (s *server) listShows(w http.ResponseWriter, r *http.Request) error {
	shows, err := collect(r.Context(), scanShow, selectShow+` order by starts_at, id`)
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
	found, err := scanShow(tx(ctx).queryRow(ctx, selectShow+` where id=?`, id))
	if errors.Is(err, errNoRow) {
		err = noShow(id)
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
	taken, err := takenSeats(ctx, sh.ID)
	if err != nil {
		return nil, err
	}
	plan := make([]seat, sh.Seats)
	for i := range plan {
		plan[i] = seat{i + 1, true}
	}
	for _, n := range taken {
		if n <= len(plan) { // the hall may have been made smaller
			plan[n-1].Free = false
		}
	}
	return plan, nil
}
