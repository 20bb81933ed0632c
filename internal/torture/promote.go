package torture

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
)

// AddStandby gives a PostgreSQL of the bed's own a standby that every COMMIT waits for.
func (b *Bed) AddStandby(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	standby, err := b.PG.Standby(ctx, pgserver.Config{Settings: map[string]string{"wal_retrieve_retry_interval": "100ms"}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := standby.Close(); err != nil {
			tb.Error(err)
		}
	})
	b.standby = standby
	b.Exec(tb, `alter system set synchronous_standby_names = '*'`)
	b.Exec(tb, `select pg_reload_conf()`)
	dbtest.Eventually(tb, "the standby is waited for", func() bool {
		return b.Number(tb, `select count(*) from pg_stat_replication where sync_state = 'sync'`) == 1
	})
}

// Promote kills the primary, makes the standby one, and leads the proxy there.
func (b *Bed) Promote(ctx context.Context) error {
	if b.standby == nil {
		return errors.New("torture: there is no standby")
	}
	b.Proxy.Refuse(true)
	defer b.Proxy.Refuse(false)
	if err := b.PG.Kill(); err != nil {
		return err
	}
	if err := b.standby.Promote(ctx); err != nil {
		return err
	}
	if err := b.Admin.Close(); err != nil {
		return err
	}
	b.dsn = b.engine.via(b.dsn, b.standby.Addr())
	b.PG, b.Server, b.standby = b.standby, pgServer{b.standby, b.dsn}, nil
	var err error
	if b.Admin, err = b.engine.admin(b.dsn); err != nil {
		return err
	}
	b.Proxy.SetUpstream(b.PG.Addr())
	b.Proxy.CutAll(faultproxy.RST)
	return nil
}
