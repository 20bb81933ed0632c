package mariaserver

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// admin is a lasting connection that is made when first used, and again when it
// was lost.
type admin struct {
	mu sync.Mutex
	db *sql.DB
}

// pool returns the connection's pool.
func (a *admin) pool(addr string) (*sql.DB, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.db != nil {
		return a.db, nil
	}
	cfg := config(addr, "")
	cfg.InterpolateParams = true // no statement to prepare first
	db, err := open(cfg)
	if err != nil {
		return nil, err
	}
	a.db = db
	return db, nil
}

// exec runs a statement.
func (a *admin) exec(ctx context.Context, addr, statement string) error {
	db, err := a.pool(addr)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("admin connection: %w", err)
	}
	return nil
}

// ids runs a query for numbers.
func (a *admin) ids(ctx context.Context, addr, query string, args ...any) (ids []int64, err error) {
	db, err := a.pool(addr)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("admin connection: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// close ends the connection; the next use makes another.
func (a *admin) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.db != nil {
		_ = a.db.Close()
		a.db = nil
	}
}
