package torture

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/txctx"
)

// Ask is the body of a request that writes.
type Ask struct {
	Req    string `json:"req"` // names the request in the log
	From   int    `json:"from,omitempty"`
	To     int    `json:"to,omitempty"`
	Amount int64  `json:"amount,omitempty"`
}

// Done is a handler's answer.
type Done struct {
	Req     string   `json:"req,omitempty"`
	Attempt int      `json:"attempt"`
	Run     string   `json:"run"`
	Values  []int64  `json:"values,omitempty"`
	Items   []string `json:"items,omitempty"`
}

func (a *App) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("POST /transfer", a.writes("transfer", a.transfer))
	mux.Handle("GET /accounts", a.reads(a.accounts))
	mux.Handle("POST /append/{list}", a.writes("append", a.appendTo))
	mux.Handle("GET /list/{list}", a.reads(a.list))
	mux.Handle("POST /ring", a.writes("ring", a.swapLinks))
	mux.Handle("POST /swap", a.writes("swap", a.swap))
	mux.Handle("GET /register/{id}", a.reads(a.register))
	if a.o.Routes != nil {
		a.o.Routes(mux, a)
	}
	return mux
}

// refused is a handler's no: 409, and rolled back.
type refused struct{}

func (refused) Error() string { return "refused" }

// writes is a handler that does one thing and logs it, both in the request's
// transaction.
func (a *App) writes(kind string, do func(ctx context.Context, r *http.Request, ask *Ask, d *Done) error) http.Handler {
	return middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		var ask Ask
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return nil
		}
		ctx := r.Context()
		d := doneBy(ctx)
		d.Req = ask.Req
		switch err := do(ctx, r, &ask, &d); err.(type) { //nolint:errorlint // the handler's own
		case nil:
		case refused:
			return answer(w, http.StatusConflict, d)
		default:
			return err
		}
		if err := a.Tx(ctx).Exec(ctx, `insert into happened values (?, ?, ?, ?, ?, ?, ?)`,
			ask.Req, d.Attempt, d.Run, kind, ask.From, ask.To, ask.Amount); err != nil {
			return err
		}
		return answer(w, http.StatusOK, d)
	})
}

func (a *App) reads(do func(ctx context.Context, r *http.Request, d *Done) error) http.Handler {
	return middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		d := doneBy(r.Context())
		if err := do(r.Context(), r, &d); err != nil {
			return err
		}
		return answer(w, http.StatusOK, d)
	})
}

func doneBy(ctx context.Context) Done {
	return Done{Attempt: txctx.AttemptOf(ctx).Number, Run: runOf(ctx)}
}

func answer(w http.ResponseWriter, status int, d Done) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(d)
}

// lock is what a SELECT ends with that is to be followed by an UPDATE. PostgreSQL sees
// conflicts by itself.
func (a *App) lock() string {
	if a.Bed.Engine == MariaDB {
		return " for update"
	}
	return ""
}
