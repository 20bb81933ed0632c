package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
)

// rows is how many accounts there are, so many that two clients rarely meet.
const rows = 10_000

// work is what a request does.
type work struct {
	name     string
	readOnly bool
	hot      bool // everybody at the same row, at SERIALIZABLE
	weaker   bool // at REPEATABLE READ instead, where only PostgreSQL refuses to lose updates
	run      func(ctx context.Context, q querier, id int) error
}

// querier is a transaction, or a pool, in the language of its database.
type querier interface {
	get(ctx context.Context, id int) (n int, err error)
	add(ctx context.Context, id int) error
	set(ctx context.Context, id, n int) error
}

var (
	oneRead = work{name: "one read", readOnly: true, run: func(ctx context.Context, q querier, id int) error {
		_, err := q.get(ctx, id)
		return err
	}}
	oneWrite = work{name: "one write", run: func(ctx context.Context, q querier, id int) error {
		return q.add(ctx, id)
	}}
	mixed = work{name: "read or write", run: func(ctx context.Context, q querier, id int) error {
		if id%2 == 0 {
			return q.add(ctx, id)
		}
		_, err := q.get(ctx, id)
		return err
	}}
	three = work{name: "three statements", run: func(ctx context.Context, q querier, id int) error {
		if _, err := q.get(ctx, id); err != nil {
			return err
		}
		if err := q.add(ctx, id); err != nil {
			return err
		}
		return q.add(ctx, id%rows+1)
	}}
	hotRow         = work{name: "hot row", hot: true, run: increment}
	hotRowRepeated = work{name: "hot row at REPEATABLE READ", hot: true, weaker: true, run: increment}
)

func increment(ctx context.Context, q querier, _ int) error {
	n, err := q.get(ctx, 1)
	if err != nil {
		return err
	}
	return q.set(ctx, 1, n+1)
}

// doer runs fn in a transaction, in the manner of a variant.
type doer func(ctx context.Context, w work, fn func(context.Context, querier) error) error

// variant is a way to give requests transactions.
type variant struct {
	name  string
	skips func(work) bool
	serve func(w work) http.Handler
	sum   func(context.Context) (int, error) // of all accounts, for tests; nil with most
}

// by is a variant whose handlers call do.
func by(name string, do doer) variant {
	return variant{name: name, serve: func(wk work) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := account(r)
			err := do(r.Context(), wk, func(ctx context.Context, q querier) error { return wk.run(ctx, q, id) })
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			answer(w, id)
		})
	}}
}

// account is the row that a request is about.
func account(r *http.Request) int {
	id, err := strconv.Atoi(r.URL.Path[1:])
	if err != nil {
		panic(err) // the load generator's mistake
	}
	return id
}

func answer(w http.ResponseWriter, id int) { fmt.Fprintf(w, "done with %d\n", id) }

func randomAccount() int { return 1 + rand.IntN(rows) }
