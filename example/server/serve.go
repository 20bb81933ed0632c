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

// stopWithin is how long requests under way may take after the signal to stop.
const stopWithin = 15 * time.Second

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
	o := options{maxRetries: cfg.maxRetries, metrics: m, log: log}
	if cfg.verbose {
		o.observe = logEvents(log)
	}
	return serveHTTP(ctx, listener, newHandler(db, o), log)
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

// serveHTTP serves until ctx ends, and then until the requests under way are done.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           handler,
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
	log.Info("stopping", "within", stopWithin)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests cut off after %v: %w", stopWithin, err), srv.Close())
	}
	log.Info("stopped")
	return nil
}
