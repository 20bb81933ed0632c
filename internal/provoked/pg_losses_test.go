package provoked_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// Mutations seen to fail it: no second try at BEGIN where the pool gave out a dead
// connection; COMMIT is sent on a connection known to be dead.
func TestPostgresLosses(t *testing.T) { play(t, true, pg(pgOptions{}), pgLosses) }

var (
	proxied = pg(pgOptions{proxied: true})
	alone   = func(c *pgxpool.Config) { c.MaxConns = 1 }
)

// pgLosses: connections that die within a transaction, or in the pool.
var pgLosses = []pgScenario{
	{
		row: "pg-092", name: "terminated between two statements", text: "administrator command",
		provoke: func(a *pgAttempt) error {
			terminate(a)
			return do(`select 1`)(a)
		},
	},
	{
		row: "pg-092", name: "terminated in a statement", text: "administrator command",
		provoke: func(a *pgAttempt) error {
			whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() { terminate(a) })
			return do(`select pg_sleep(60)`)(a)
		},
	},
	{
		row: "pg-092", name: "DROP DATABASE WITH (FORCE)", text: "administrator command", open: pg(pgOptions{own: true}),
		provoke: func(a *pgAttempt) error {
			if err := a.db.server.DropDatabases(a.ctx, a.db.pool.Config().ConnConfig.Database); err != nil {
				return err
			}
			return do(`select 1`)(a)
		},
		attempts: 2, status: http.StatusInternalServerError, // for it is not there any more
	},
	{
		row: "pg-013", name: "rubbish on the wire", text: "invalid frontend message type",
		provoke: func(a *pgAttempt) error {
			_, err := socket(a).Write([]byte{'!', 0, 0, 0, 4})
			if err != nil {
				return err
			}
			return do(`select 1`)(a)
		},
	},
	{
		name: "25P03 idle_in_transaction_session_timeout", text: "idle-in-transaction timeout",
		gives: &verdict{code: "25P03", phase: retryable.Statement, reason: retryable.Disconnected},
		provoke: func(a *pgAttempt) error {
			if err := do(`set local idle_in_transaction_session_timeout = '20ms'`)(a); err != nil {
				return err
			}
			a.db.gone(a.T, a.session)
			return do(`select 1`)(a)
		},
	},
	{
		row: "pg-104", name: "idle in the pool, at BEGIN", text: "idle-session timeout", spared: true, unasked: true,
		gives:    &verdict{code: "57P05", phase: retryable.Connect, reason: retryable.Disconnected},
		disputed: "it strikes outside of transactions alone, so that no statement ever meets it, but BEGIN",
		open:     pg(pgOptions{params: "&idle_session_timeout=20ms"}),
		before: func(a *pgAttempt) {
			conn, err := a.db.pool.Acquire(a.ctx)
			if err != nil {
				a.Error(err)
				return
			}
			session := sessionOf(conn.Conn())
			conn.Release()
			a.db.gone(a.T, session)
		},
	},
	{
		name: "57P01 idle in the pool, at BEGIN", text: "administrator command", spared: true, unasked: true,
		gives: &verdict{code: "57P01", phase: retryable.Connect, reason: retryable.Failover},
		before: func(a *pgAttempt) {
			conn, err := a.db.pool.Acquire(a.ctx)
			if err != nil {
				a.Error(err)
				return
			}
			a.session = sessionOf(conn.Conn())
			conn.Release()
			terminate(a)
		},
	},
	{
		row: "pgx-021", name: "end of file in a statement", is: io.ErrUnexpectedEOF, open: proxied,
		provoke: cut(pgproxy.FIN),
	},
	{
		row: "pgx-023", name: "reset in a statement", is: syscall.ECONNRESET, open: proxied,
		provoke: cut(pgproxy.RST),
	},
	{
		row: "pgx-025", name: "closed by somebody here", is: net.ErrClosed,
		provoke: func(a *pgAttempt) error {
			if err := socket(a).Close(); err != nil {
				return err
			}
			return query(a)
		},
	},
	{
		row: "pgx-033", name: "a deadline on the socket", text: "i/o timeout",
		provoke: func(a *pgAttempt) error {
			if err := socket(a).SetDeadline(time.Unix(1, 0)); err != nil {
				return err
			}
			return query(a)
		},
	},
	{
		row: "pgx-026", name: "after a loss that passed the adapter by", is: pgconn.ErrConnClosed,
		provoke: func(a *pgAttempt) error {
			conn := pgadapter.Tx(a.ctx).Conn()
			terminate(a)
			if _, err := conn.Exec(a.ctx, `select 1`); err == nil {
				a.Error("it lives")
			}
			return do(`select 1`)(a)
		},
	},
	{
		row: "pgx-037", name: "a message of no known type", open: proxied, text: "unknown message type",
		provoke: garble(11),
	},
	{
		row: "pgx-037", name: "a message cut short", open: proxied, text: "DataRow body is invalid",
		provoke: garble(8),
	},
	{
		row: "pgx-029", name: "the loss is seen before COMMIT is sent", text: "lost before COMMIT", open: proxied, unasked: true,
		provoke: func(a *pgAttempt) error {
			a.db.proxy.CutAll(pgproxy.FIN)
			a.db.gone(a.T, a.session)
			return nil
		},
	},
}

// terminate ends the session of the attempt and returns when it has gone.
func terminate(a *pgAttempt) {
	a.db.outside(a.T, `select pg_terminate_backend(`+a.session+`)`)
	a.db.gone(a.T, a.session)
}

// socket is the connection's.
func socket(a *pgAttempt) net.Conn { return pgadapter.Tx(a.ctx).Conn().PgConn().Conn() }

// query is a statement with parameters: pgx hides what happened to the connection of
// one without.
func query(a *pgAttempt) error {
	_, err := pgadapter.Tx(a.ctx).Exec(a.ctx, `select $1::int`, 1)
	return err
}

// cut cuts the connection when a statement is on its way.
func cut(how pgproxy.How) func(a *pgAttempt) error {
	return func(a *pgAttempt) error {
		a.db.proxy.Add(pgproxy.Rule{
			When: pgproxy.SQLFunc(func(sql string) bool { return strings.Contains(sql, "$1::int") }),
			Do:   pgproxy.Drop, Then: pgproxy.CutBoth, How: how,
		})
		return query(a)
	}
}

// garble passes on so many bytes of the first row; the second is taken for its rest,
// and what is left of that, for a message.
func garble(keep int) func(a *pgAttempt) error {
	return func(a *pgAttempt) error {
		a.db.proxy.Add(pgproxy.Rule{When: pgproxy.Message(pgproxy.Down, 'D'), Do: pgproxy.Truncate, Keep: keep})
		const value = `select '\xaaaaaaaaaaaaaaaaaa2100000004aaaaaaaaaaaa'::bytea from counter where id > $1`
		_, err := pgadapter.Tx(a.ctx).Exec(a.ctx, value, 0)
		return err
	}
}
