package provoked_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestPostgresLimits(t *testing.T) { play(t, true, pg(pgOptions{}), pgLimits) }

// pgLimits: limits of one query.
var pgLimits = []pgScenario{
	{
		row: "pg-074", name: "a large sort", text: "temp_file_limit",
		provoke: do(`set local temp_file_limit = '1MB'; set local work_mem = '64kB'`,
			`select * from generate_series(1, 200000) g order by -g`),
	},
	{row: "pg-076", name: "a large array", text: "array size exceeds", provoke: do(`select array_fill(0, array[100000, 100000])`)},
	{
		row: "pg-077", name: "an endless recursion", text: "stack depth limit exceeded",
		provoke: do(`set local max_stack_depth = '100kB'`,
			`create function endless() returns int language plpgsql as 'begin return endless(); end'`, `select endless()`),
	},
}

// TestPostgresCramped has a server with few slots.
func TestPostgresCramped(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t, pgserver.Config{Settings: map[string]string{"max_connections": "12"}})
	cramped := pgOptions{server: func(*testing.T) *pgserver.Server { return server }}
	play(t, false, pg(cramped), []pgScenario{
		{
			row: "pg-069", name: "too many locks", text: "out of shared memory",
			provoke: func(a *pgAttempt) error {
				return do(`select pg_advisory_xact_lock(g) from generate_series(1000000, 1100000) g`)(a)
			},
		},
		{row: "pg-071", name: "all slots taken", text: "too many clients", before: takeSlots},
		{
			row: "pg-072", name: "all slots taken but those of superusers", text: "reserved", before: takeSlots,
			open: func(t *testing.T) *pgDB { return asRole(t, cramped, "") },
		},
	})
}

// takeSlots opens connections like the attempt's until there are no more.
func takeSlots(a *pgAttempt) {
	var taken []*pgx.Conn
	for {
		conn, err := pgx.ConnectConfig(a.ctx, a.db.pool.Config().ConnConfig)
		if err != nil {
			break
		}
		taken = append(taken, conn)
	}
	a.after(func() {
		for _, conn := range taken {
			_ = conn.Close(context.Background())
		}
		for _, conn := range taken {
			a.db.gone(a.T, sessionOf(conn))
		}
	})
}

// asRole has the pool connect as a role of its own, made with options.
func asRole(t *testing.T, o pgOptions, options string) *pgDB {
	var role, schema string
	o.pool = func(c *pgxpool.Config) {
		schema = c.ConnConfig.RuntimeParams["search_path"]
		role = "role_" + schema
		c.ConnConfig.User = role
	}
	d := pg(o)(t)
	d.outside(t, `create role `+role+` login `+options+`;
		grant usage on schema `+schema+` to `+role+`; grant all on all tables in schema `+schema+` to `+role)
	t.Cleanup(func() { d.outside(t, `drop owned by `+role+`; drop role `+role) })
	return d
}
