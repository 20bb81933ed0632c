package tracing_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/XSAM/otelsql"
	"github.com/jackc/pgx/v5/stdlib"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/reprise-go/reprise/example/ecosystem/internal/kit"
	tracing "github.com/reprise-go/reprise/example/ecosystem/otelsql"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/sqladapter"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// store is plain database/sql.
type store struct{}

func (store) Balance(ctx context.Context, id int64) (balance int64, err error) {
	err = sqladapter.Tx(ctx).QueryRowContext(ctx, `select balance from account where id = $1`, id).Scan(&balance)
	return balance, err
}

func (store) Open(ctx context.Context, owner string, balance int64) error {
	_, err := sqladapter.Tx(ctx).ExecContext(ctx, `insert into account (owner, balance) values ($1, $2)`, owner, balance)
	return err
}

func (store) SetBalance(ctx context.Context, id, balance int64) error {
	_, err := sqladapter.Tx(ctx).ExecContext(ctx, `update account set balance = $2 where id = $1`, id, balance)
	return err
}

// traced returns a database whose spans are recorded, below a span of each request.
func traced(t *testing.T) (*kit.Kit, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(recorder))
	k := kit.New(t, func(c driver.Connector) driver.Connector {
		return tracing.Connector(c, otelsql.WithTracerProvider(provider))
	})
	k.Outer = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, span := provider.Tracer("test").Start(r.Context(), "request")
			defer span.End()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	return k, recorder
}

// names returns what the spans are called, in the order in which they began, and
// checks that they are the request's.
func names(t *testing.T, recorder *tracetest.SpanRecorder) (all []string) {
	t.Helper()
	started := recorder.Started()
	if len(started) == 0 || started[0].Name() != "request" {
		t.Fatalf("the first of %d spans is not the request's", len(started))
	}
	request := started[0].SpanContext().SpanID()
	for _, span := range started[1:] {
		name := span.Name()
		if span.Parent().SpanID() != request {
			t.Errorf("%s is no child of the request's span", name)
		}
		if span.Status().Code == codes.Error {
			name += " failed"
		}
		all = append(all, name)
	}
	if n := len(recorder.Ended()); n != len(started) {
		t.Errorf("%d spans began, %d ended", len(started), n)
	}
	return all
}

// TestEveryAttemptHasSpans: those of the doomed attempt as well, but for the
// statement that it refused.
//
// Mutation seen to fail it: wrap nothing.
func TestEveryAttemptHasSpans(t *testing.T) {
	k, recorder := traced(t)
	k.ReplaysOn(store{})
	want := []string{
		"sql.connector.connect",
		"sql.conn.begin_tx", "sql.conn.query", "sql.rows", "sql.conn.exec", "sql.conn.exec failed", "sql.tx.rollback",
		"sql.conn.reset_session",
		"sql.conn.begin_tx", "sql.conn.query", "sql.rows", "sql.conn.exec", "sql.conn.exec", "sql.tx.commit",
	}
	if got := names(t, recorder); !slices.Equal(got, want) {
		t.Errorf("spans\n%q, want\n%q", got, want)
	}
}

// TestALostConnectionIsReplayed: on another one.
func TestALostConnectionIsReplayed(t *testing.T) {
	k, recorder := traced(t)
	attempts := 0
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		attempts++
		ctx := r.Context()
		if err := (store{}).Open(ctx, "bob", 10); err != nil {
			return err
		}
		if attempts == 1 {
			k.Disconnect()
		}
		return store{}.Open(ctx, "dan", 10)
	})
	if status != http.StatusOK || attempts != 2 || !slices.Equal(k.Owners(), []string{"ada", "bob", "dan"}) {
		t.Errorf("answered %d after %d attempts, and accounts of %v", status, attempts, k.Owners())
	}
	if got := names(t, recorder); !slices.Contains(got, "sql.conn.exec failed") || got[len(got)-1] != "sql.tx.commit" {
		t.Errorf("spans %q", got)
	}
}

// TestDriverReaches the driver's connection, with otelsql and without.
func TestDriverReaches(t *testing.T) {
	with, _ := traced(t)
	for name, pool := range map[string]*sql.DB{"with": with.DB.SQL(), "without": kit.New(t, nil).DB.SQL()} {
		err := tracing.Driver(t.Context(), pool, func(c driver.Conn) error {
			conn, ok := c.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("it is a %T", c)
			}
			return conn.Conn().Ping(t.Context())
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestValidator: pgx has none, otelsql always has one.
func TestValidator(t *testing.T) {
	with, _ := traced(t)
	for name, tt := range map[string]struct {
		pool *sql.DB
		want bool
	}{"with": {with.DB.SQL(), true}, "without": {kit.New(t, nil).DB.SQL(), false}} {
		conn, err := tt.pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.Raw(func(c any) error {
			v, ok := c.(driver.Validator)
			if ok != tt.want || ok && !v.IsValid() {
				t.Errorf("%s: a Validator: %t", name, ok)
			}
			return nil
		})
	}
}

// TestPoolMetrics: the pool is a *sql.DB like any other.
func TestPoolMetrics(t *testing.T) {
	k := kit.New(t, nil)
	reader := metric.NewManualReader()
	_, err := otelsql.RegisterDBStatsMetrics(k.DB.SQL(), otelsql.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		t.Fatal(err)
	}
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.ScopeMetrics) != 1 || !slices.ContainsFunc(got.ScopeMetrics[0].Metrics, func(m metricdata.Metrics) bool {
		return m.Name == "db.sql.connection.open"
	}) {
		t.Errorf("metrics %v", got.ScopeMetrics)
	}
}
