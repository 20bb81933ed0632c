package torture

import (
	"context"
	"net/http"
	"strconv"
)

// swap sets a register and answers what was in it.
func (a *App) swap(ctx context.Context, _ *http.Request, ask *Ask, d *Done) (err error) {
	tx := a.Tx(ctx)
	if d.Values, err = numbers(ctx, tx, `select val from register where id = ?`+a.lock(), ask.From); err != nil {
		return err
	}
	return tx.Exec(ctx, `update register set val = ? where id = ?`, ask.Amount, ask.From)
}

// register answers what is in a register.
func (a *App) register(ctx context.Context, r *http.Request, d *Done) error {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return err
	}
	d.Values, err = numbers(ctx, a.Tx(ctx), `select val from register where id = ?`, id)
	return err
}
