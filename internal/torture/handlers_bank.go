package torture

import (
	"context"
	"fmt"
	"net/http"
)

// transfer moves money, unless there is too little of it. It answers both balances.
func (a *App) transfer(ctx context.Context, _ *http.Request, ask *Ask, d *Done) error {
	tx := a.Tx(ctx)
	balance := map[int]int64{}
	for _, id := range []int{min(ask.From, ask.To), max(ask.From, ask.To)} {
		got, err := numbers(ctx, tx, `select balance from account where id = ?`+a.lock(), id)
		if err != nil {
			return err
		}
		if len(got) != 1 {
			return fmt.Errorf("there are %d accounts %d", len(got), id)
		}
		balance[id] = got[0]
	}
	if balance[ask.From] < ask.Amount {
		return refused{}
	}
	balance[ask.From] -= ask.Amount
	balance[ask.To] += ask.Amount
	for _, id := range []int{ask.From, ask.To} {
		if err := tx.Exec(ctx, `update account set balance = ? where id = ?`, balance[id], id); err != nil {
			return err
		}
		d.Values = append(d.Values, balance[id])
	}
	return nil
}

// accounts answers all balances, in order.
func (a *App) accounts(ctx context.Context, _ *http.Request, d *Done) (err error) {
	d.Values, err = numbers(ctx, a.Tx(ctx), `select balance from account order by id`)
	return err
}
