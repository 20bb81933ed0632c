package middleware

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/reprise-go/reprise/internal/spool"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Config says how requests are treated. The zero value is ready. It is copied by
// [New].
type Config struct {
	// Retry says how often, how long and how patiently requests are replayed. Its
	// budgets are those of all requests of this middleware together.
	// retryable.Interactive()
	Retry retryable.Policy

	// MaxBody is how many bytes of a request body are kept for replay. A longer
	// body is answered with 413: at once where Content-Length says so, otherwise
	// when the handler reads that far, whatever the handler answers. 32 MiB
	MaxBody int64

	// MaxResponse is how many bytes of a response body are held until COMMIT. A
	// longer response fails the request with 500. 32 MiB
	MaxResponse int64

	// RollbackOn says which answers roll back. They are sent as they are, and
	// not replayed. status >= 400
	RollbackOn func(status int) bool

	// ReadOnly says which requests run in READ ONLY transactions, so that the
	// database refuses what a GET must not do. none; SafeMethods is the one to use
	ReadOnly func(*http.Request) bool

	// Skip says which requests are passed through untouched, without
	// transaction, capture or replay: streams, upgrades, health checks. none
	Skip func(*http.Request) bool

	// Lane says which requests are to queue behind each other while they
	// conflict; see [txctx.Lanes]. It is asked at a request's first statement, so
	// that routing has been done, and with an Idempotency-Key before the handler
	// is called; "" is no lane. Return "" always to switch queues off. the method
	// and the pattern of the route, or the path where there has been no routing
	Lane func(*http.Request) string

	// OnError answers a failed request. It is called at most once, with the
	// writer that came from outside and the headers outer middleware has set; no
	// byte or header of an attempt is in it. Do not send the text of err.
	// [Problem]: application/problem+json, 503 when exhausted, else 500
	OnError func(http.ResponseWriter, *http.Request, error)

	// Keys keeps the answers of requests with an Idempotency-Key, so that each
	// takes effect once however often it is sent. It needs an adapter with a
	// ledger. off
	Keys Keys

	// Stopping tells, by being closed, that the server is about to be shut down:
	// attempts under way go on to their end, and a request whose attempt is doomed is
	// answered at once with 503 and Retry-After instead of being replayed. Give it the
	// Done of the context that ends when the program is told to stop. none
	Stopping <-chan struct{}

	// TempDir is the folder for bodies beyond 64 KiB. Files in it have mode 0600
	// and are unlinked at once where the system allows. os.TempDir()
	TempDir string

	// Observe is told about every attempt, replay and outcome, on the goroutine
	// of the request. It must not block. Package telemetry has one that counts.
	// none
	Observe func(context.Context, txctx.Event)

	// AttemptContext is asked before each attempt for the context it is to run in,
	// see [txctx.Options]. Package telemetry has one with a span. none
	AttemptContext func(ctx, before context.Context, attempt int) context.Context

	// Logger gets one line for every request that failed or was replayed, with all
	// causes, and what could not be answered to anybody. The causes are texts of
	// the database, which may quote values. slog.Default()
	Logger *slog.Logger

	_ struct{}
}

const (
	defaultMaxBody     = 32 << 20
	defaultMaxResponse = 32 << 20
)

// withDefaults fills in the zero fields and panics naming the first field that
// cannot work.
func (c Config) withDefaults() Config {
	if err := c.Retry.Validate(); err != nil {
		panic("middleware: Config.Retry." + err.Error())
	}
	c.Retry = c.Retry.WithDefaults()
	if c.MaxBody < 0 {
		panic("middleware: Config.MaxBody is negative")
	}
	if c.MaxResponse < 0 {
		panic("middleware: Config.MaxResponse is negative")
	}
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.MaxResponse == 0 {
		c.MaxResponse = defaultMaxResponse
	}
	c.Keys = c.Keys.withDefaults(c.Retry.AttemptTimeout)
	if c.RollbackOn == nil {
		c.RollbackOn = func(status int) bool { return status >= 400 }
	}
	if c.Lane == nil {
		c.Lane = routeOf
	}
	if c.OnError == nil {
		c.OnError = Problem
	}
	if c.TempDir == "" {
		c.TempDir = os.TempDir()
	}
	if err := spool.Check(c.TempDir); err != nil {
		panic("middleware: Config.TempDir: no file can be written there: " + err.Error())
	}
	return c
}

func (c *Config) logger() *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	return slog.Default()
}
