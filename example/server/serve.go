package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/reprise-go/reprise/ledger"
)

// How long requests under way may take after the signal to stop, which is an attempt
// and its COMMIT; and what is left then, to be rolled back and answered.
const (
	stopWithin  = attemptTimeout + 5*time.Second
	cutOffAfter = 2 * time.Second
)

// errStopping is why a request ends that took too long for that.
var errStopping = errors.New("the server is being stopped")

// serve starts everything in order, and stops it in the opposite order when ctx
// ends: requests, then the database.
func serve(ctx context.Context, cfg config, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer func() { _ = listener.Close() }() // for errors below; http.Server closes it, too

	db, err := openDatabase(ctx, cfg.db, cfg.dbWait)
	if err != nil {
		return err
	}
	defer db.close()
	log.Info("database is ready", "db", db.name)
	defer keepLedger(ctx, db, log)()

	m, err := newMetrics(db)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	// From the signal on nothing is replayed, so that no back-off has to be waited for.
	o := options{maxRetries: cfg.maxRetries, metrics: m, log: log, stopping: ctx.Done()}
	if cfg.verbose {
		o.observe = logEvents(log)
	}
	return serveHTTP(ctx, listener, newHandler(db, o), stopWithin, log)
}

// keepLedger purges the ledger once in an hour, until stop is called.
func keepLedger(ctx context.Context, db *database, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var keeper sync.WaitGroup
	keeper.Go(func() { ledger.Keep(ctx, time.Hour, db.requests.PurgeLedger, log) })
	return func() {
		cancel()
		keeper.Wait()
	}
}

// serveHTTP serves until ctx ends, and then until the requests under way are done. What
// takes longer than within is rolled back, and answered with 503.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, within time.Duration, log *slog.Logger) error {
	requests, cutOff := context.WithCancelCause(context.WithoutCancel(ctx)) // they go on when ctx ends
	defer cutOff(nil)
	srv := &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      retryFor + attemptTimeout + 10*time.Second, // the last replay must find its client there
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	log.Info("serving", "url", "http://"+listener.Addr().String())

	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping", "within", within)
	err := shutdown(srv, within)
	if err == nil {
		log.Info("stopped")
		return nil
	}
	cutOff(errStopping)
	_ = shutdown(srv, cutOffAfter) // for the answers; Close ends who does not heed it
	return errors.Join(fmt.Errorf("requests cut off after %v: %w", within, err), srv.Close())
}

func shutdown(srv *http.Server, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return srv.Shutdown(ctx)
}
