package torture

import (
	"context"
	"net/http"
	"strconv"
)

// appendTo appends the request to a list, and answers its place.
func (a *App) appendTo(ctx context.Context, r *http.Request, ask *Ask, d *Done) error {
	list, err := strconv.Atoi(r.PathValue("list"))
	if err != nil {
		return err
	}
	ask.From = list // for the log
	tx := a.Tx(ctx)
	if err := tx.Exec(ctx, `update list_head set n = n + 1 where id = ?`, list); err != nil {
		return err
	}
	if d.Values, err = numbers(ctx, tx, `select n from list_head where id = ?`, list); err != nil {
		return err
	}
	return tx.Exec(ctx, `insert into list_item values (?, ?, ?)`, list, d.Values[0], ask.Req)
}

// list answers a list.
func (a *App) list(ctx context.Context, r *http.Request, d *Done) error {
	list, err := strconv.Atoi(r.PathValue("list"))
	if err != nil {
		return err
	}
	return a.Tx(ctx).Each(ctx, func(scan func(...any) error) error {
		var req string
		err := scan(&req)
		d.Items = append(d.Items, req)
		return err
	}, `select req from list_item where list = ? order by pos`, list)
}
