package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// XidOnly asks PostgreSQL what became of the transaction's number, and does not ask
// whether the server is still the one that gave it. A server that has crashed gives lost
// numbers again.
func XidOnly() *Control {
	return &Control{Name: "xid plus crash", decide: func(ctx context.Context, b *Bed, a *controlled, lost error) (txctx.Outcome, error) {
		if a.xid == "" { // it wrote nothing
			return txctx.RolledBack, again(lost)
		}
		for began := time.Now(); ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			var status string
			err := b.Admin.QueryRowContext(ctx, `select coalesce(pg_xact_status('`+a.xid+`'::xid8), '')`).Scan(&status)
			if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code != "22023" {
				continue // it is starting
			}
			switch status {
			case "committed":
				return txctx.Committed, nil
			case "aborted":
				return txctx.RolledBack, again(lost)
			case "in progress":
				if time.Since(began) > 100*time.Millisecond {
					_, _ = b.Admin.ExecContext(ctx, fmt.Sprintf(`select pg_terminate_backend(%d)`, a.pid))
				}
			}
		}
		return txctx.Unknown, ctx.Err()
	}}
}

// remember has attempts on PostgreSQL learn their number before they end.
func remember(b *Bed) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			a, ok := r.Context().Value(controlledKey{}).(*controlled)
			if !ok || b.Engine != Postgres || r.Method != http.MethodPost {
				return
			}
			// What fails here dooms the attempt by itself.
			_ = pgadapter.Tx(r.Context()).QueryRow(r.Context(),
				`select coalesce(pg_current_xact_id_if_assigned()::text, ''), pg_backend_pid()`).Scan(&a.xid, &a.pid)
		})
	}
}
