package torture

import (
	"context"
	"net/http"
)

// swapLinks takes four nodes of the ring that follow each other, a b c d, and makes them
// a c b d. What remains is one ring, unless a part of it is lost.
func (a *App) swapLinks(ctx context.Context, _ *http.Request, ask *Ask, _ *Done) error {
	tx := a.Tx(ctx)
	nodes := []int64{int64(ask.From)}
	for i := range 3 {
		succ, err := numbers(ctx, tx, `select succ from ring where id = ?`+a.lock(), nodes[i])
		if err != nil {
			return err
		}
		nodes = append(nodes, succ[0])
	}
	for _, link := range [][2]int64{{nodes[0], nodes[2]}, {nodes[2], nodes[1]}, {nodes[1], nodes[3]}} {
		if err := tx.Exec(ctx, `update ring set succ = ? where id = ?`, link[1], link[0]); err != nil {
			return err
		}
	}
	return nil
}
