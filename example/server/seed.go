package main

import (
	"context"
	"time"
)

// seed puts something to look at into an empty database. Each of its statements
// does all of its work or none, for on MySQL they are not in a transaction here.
func seed(ctx context.Context) error {
	err := fill(ctx, `select count(*) from accounts`,
		`insert into accounts (name, balance) values (?, ?), (?, ?), (?, ?), (?, ?)`,
		"ada", 50000, "grace", 50000, "edsger", 20000, "barbara", 500)
	if err != nil {
		return err
	}
	return fill(ctx, `select count(*) from shows`,
		`insert into shows (title, starts_at, price, seats) values (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?)`,
		"The Winter's Tale", time.Date(2030, 1, 10, 19, 30, 0, 0, time.UTC), 2500, 40,
		"The Comedy of Errors", time.Date(2030, 2, 14, 20, 0, 0, 0, time.UTC), 1800, 120,
		"Much Ado About Nothing", time.Date(2030, 3, 21, 18, 0, 0, 0, time.UTC), 3200, 12)
}

// fill runs the INSERT if what is counted is nothing.
func fill(ctx context.Context, count, insert string, args ...any) error {
	var n int
	if err := tx(ctx).queryRow(ctx, count).Scan(&n); err != nil || n > 0 {
		return err
	}
	_, err := tx(ctx).exec(ctx, insert, args...)
	return err
}
