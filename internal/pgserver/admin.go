package pgserver

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
)

// adminName is the application_name of the connection that ends the others.
const adminName = "pgserver-admin"

// admin is a lasting connection that is made when first used, and again when it
// was lost.
type admin struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// victims returns the process ids of client sessions, in order, so that the same
// random number picks the same one.
func (a *admin) victims(ctx context.Context, url string, databases []string) ([]int32, error) {
	return a.query(ctx, url, `select pid from pg_stat_activity
		where backend_type = 'client backend' and application_name <> $1
		and ($2::text[] is null or datname = any($2)) order by pid`, adminName, databases)
}

// terminate ends the sessions pids and says how many of them there were.
func (a *admin) terminate(ctx context.Context, url string, pids []int32) (int, error) {
	// A process that was not found is answered with false and a warning.
	gone, err := a.query(ctx, url, `select pid from unnest($1::int4[]) as pid where pg_terminate_backend(pid)`, pids)
	return len(gone), err
}

// query runs sql, once more where the connection turns out to be lost.
func (a *admin) query(ctx context.Context, url, sql string, args ...any) ([]int32, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for lastTry := false; ; lastTry = true {
		conn, err := a.connect(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("pgserver: admin connection: %w", err)
		}
		rows, _ := conn.Query(ctx, sql, args...) // the error comes out again below
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err == nil {
			return pids, nil
		}
		if lastTry || !conn.IsClosed() || ctx.Err() != nil {
			return nil, fmt.Errorf("pgserver: %w", err)
		}
	}
}

// connect returns the connection; a.mu is held.
func (a *admin) connect(ctx context.Context, url string) (*pgx.Conn, error) {
	if a.conn != nil && !a.conn.IsClosed() {
		return a.conn, nil
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = adminName
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // no state to lose
	a.conn, err = pgx.ConnectConfig(ctx, cfg)
	return a.conn, err
}

// close ends the connection; the next query makes another.
func (a *admin) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != nil {
		_ = a.conn.Close(context.Background())
		a.conn = nil
	}
}
