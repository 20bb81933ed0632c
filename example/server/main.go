// Command server sells tickets: a small service on chi and SQLite, PostgreSQL or
// MySQL, and the tutorial for Reprise.
//
//	go run ./example/server
//	curl localhost:8080/shows
//	curl -d '{"customer":"ada","seat":7}' localhost:8080/shows/1/bookings
//	curl -d '{"from":"ada","to":"grace","amount":1500}' localhost:8080/transfers
//	curl localhost:8080/accounts/ada
//	curl -X DELETE localhost:8080/bookings/1
//
// It needs nothing else: without -db the bookings are in a SQLite file in the
// user's cache folder. A server of one's own is named by a URL:
//
//	go run ./example/server -db postgres://app:secret@localhost:5432/tickets
//	go run ./example/server -db mysql://app:secret@localhost:3306/tickets
//
// Read it in this order:
//
//   - bookings.go: a handler that reads, decides and writes as if it were alone
//     in the database. It knows nothing about lost connections, conflicts or
//     replays; there is no lock and no second try in it. accounts.go, refunds.go
//     and shows.go are alike.
//   - server.go: the one line that makes this true, and where it stands among
//     the other middleware.
//   - transaction.go: how the same handlers run on three engines. Applications
//     with one engine do not need it; they call the adapter's Tx.
//   - database.go, and postgres.go, mysql.go, sqlite.go: how each is opened, with
//     its adapter.
//   - migrate.go: the same engine for a job that is no request.
//   - metrics.go: what Prometheus finds at /metrics.
//   - main.go, serve.go: flags, start and stop.
//
// While it runs, take connections away from it, with pg_terminate_backend, with
// KILL or by restarting the database: clients see a slow answer here and there, or
// at worst a 503 that says whether anything may have been booked, and no seat is
// sold twice. -v shows the replays; survive_test.go does it on purpose.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "server:", err)
	os.Exit(1)
}

// config is what the flags say.
type config struct {
	addr       string
	db         string        // URL; empty: a SQLite file of the program's own
	dbWait     time.Duration // how long to wait for the database at start
	maxRetries int           // replays after the first attempt
	verbose    bool
}

// run is the whole program: it serves until ctx ends. Its errors fit on one line
// and hold no password.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	cfg, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, slog.New(slog.NewTextHandler(stderr, nil)))
}

func parseFlags(args []string, stderr io.Writer) (config, error) {
	cfg := config{dbWait: 10 * time.Second}
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are the caller's to print, on one line
	flags.StringVar(&cfg.addr, "addr", "127.0.0.1:8080", "listen on this `address`")
	flags.StringVar(&cfg.db, "db", "", "use the database at this `URL`:\n"+
		"postgres://user:password@host:port/database\n"+
		"mysql://user:password@host:port/database, also for MariaDB\n"+
		"sqlite:///path/to/file.db\n"+
		"(default reprise/tickets.db in the user's cache folder, SQLite)")
	flags.IntVar(&cfg.maxRetries, "max-retries", 5, "replay a request at most this often; 0 for never")
	flags.BoolVar(&cfg.verbose, "v", false, "log every attempt, replay and outcome")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stderr)
		flags.Usage()
		return cfg, err
	case err != nil:
		return cfg, err
	case flags.NArg() > 0: // not shown: it could be a URL with a password
		return cfg, errors.New("unexpected argument: everything is a flag, see -help")
	case cfg.maxRetries < 0:
		return cfg, fmt.Errorf("-max-retries: %d is negative", cfg.maxRetries)
	}
	return cfg, nil
}
