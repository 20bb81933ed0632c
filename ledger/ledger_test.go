package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/ledger"
)

func TestValidateNamesTheField(t *testing.T) {
	for want, c := range map[string]ledger.Config{
		"Table: \"x; drop table y\" is no": {Table: "x; drop table y"},
		"Table: \"a.b.c\" is no":           {Table: "a.b.c"},
		"Table: \"1a\" is no":              {Table: "1a"},
		"Retention: 1m0s is less than":     {Table: "x", Retention: time.Minute},
		"Retention: -1s is less":           {Retention: -time.Second},
	} {
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	for _, c := range []ledger.Config{{}, {Table: "a.b_1"}, {Table: ledger.DefaultTable, Retention: ledger.MinRetention}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if (ledger.Config{}).On() || !(ledger.Config{Table: "x"}).On() {
		t.Error("On")
	}
	if got := (ledger.Config{}).WithDefaults().Retention; got != 24*time.Hour {
		t.Errorf("Retention %v", got)
	}
}

func TestSchema(t *testing.T) {
	for _, engine := range []string{"postgres", "mysql", "sqlite"} {
		if ddl := ledger.Schema(engine); !strings.HasPrefix(ddl, "create table if not exists reprise_ledger (") {
			t.Errorf("%s: %s", engine, ddl)
		}
	}
	ddl := ledger.Config{Table: "app.ledger"}.Schema("postgres")
	if !strings.Contains(ddl, "create index if not exists ledger_created_at on app.ledger (") {
		t.Error(ddl)
	}
	for want, f := range map[string]func(){
		"ledger: Schema: unknown engine oracle": func() { ledger.Schema("oracle") },
		"ledger: Config.Table is empty":         func() { ledger.Config{}.Book("sqlite") },
	} {
		func() {
			defer func() {
				if v := recover(); v != want {
					t.Errorf("panicked with %v, want %q", v, want)
				}
			}()
			f()
		}()
	}
}

func TestStatements(t *testing.T) {
	run := [16]byte{0x01, 0x8f, 15: 0xff}
	c := ledger.Config{Table: "l", Retention: time.Hour}
	for _, tt := range []struct{ got, want string }{
		{
			c.Book("postgres").Mark(run, 2), "insert into l (run, attempt) " +
				"select '018f00000000000000000000000000ff'::uuid, 2 where pg_current_xact_id_if_assigned() is not null",
		},
		{c.Book("mysql").Mark(run, 2), "insert into l (run, attempt) values (x'018f00000000000000000000000000ff', 2)"},
		{c.Book("sqlite").Void(run, 2), "insert into l (run, attempt, void) values (x'018f00000000000000000000000000ff', 2, true)"},
		{c.Book("mysql").Purge(), "delete from l where created_at < utc_timestamp(3) - interval 3600 second limit 5000"},
	} {
		if tt.got != tt.want {
			t.Errorf("got  %s\nwant %s", tt.got, tt.want)
		}
	}
}

// TestKeep purges once in every interval, whatever fails, until its context ends.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var at []time.Duration
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			ledger.Keep(ctx, time.Minute, func(context.Context) (int64, error) {
				at = append(at, time.Since(start))
				return 0, errors.New("the database is down")
			}, nil)
		}()
		time.Sleep(150 * time.Second) // of the bubble
		cancel()
		<-done
		if len(at) != 2 || at[0] != time.Minute || at[1] != 2*time.Minute {
			t.Errorf("purged after %v", at)
		}
	})
	defer func() {
		if v := recover(); v != "ledger: Keep: every is not positive" {
			t.Errorf("panicked with %v", v)
		}
	}()
	ledger.Keep(context.Background(), 0, nil, nil)
}
