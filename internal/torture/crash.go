package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// Crash has a transfer lose its COMMIT together with the server, or with one backend of
// it, and another session commit first on the server that comes back. It is for quiet
// moments.
func (a *App) Crash(tb testing.TB, start time.Time, n int, backend bool) Op {
	tb.Helper()
	b := a.Bed
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	from := int(b.Number(tb, `select id from account order by balance desc limit 1`)) // which is not refused
	op := Op{Client: clientQuiet, Kind: Transfer, Ask: Ask{Req: fmt.Sprintf("crash-%d", n), From: from, To: (from + 1) % Accounts, Amount: 1}}
	b.Exec(tb, `create table if not exists bystander (n int)`)
	hit := b.Proxy.Add(faultproxy.Rule{When: b.Commit(), Do: faultproxy.Drop, Then: faultproxy.BlackHole})
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		a.ask(&op, start)
	}()
	select {
	case <-hit.Fired():
	case <-answered:
		tb.Errorf("%s was answered with %d before its COMMIT: %s", op.Ask.Req, op.Status, op.Body)
		return op
	}
	b.Proxy.Refuse(true)
	err := error(nil)
	if backend {
		err = b.KillBackend(ctx, rand.New(rand.NewPCG(uint64(n), 0)))
	} else if err = b.Server.Kill(); err == nil {
		err = b.Server.StartAgain(ctx)
	}
	if err == nil {
		err = b.Await(ctx)
	}
	if err != nil {
		tb.Fatal(err)
	}
	for range 5 {
		b.Exec(tb, `insert into bystander values (1)`)
	}
	b.Proxy.Refuse(false)
	<-answered
	return op
}
