package reprise_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txtest"
)

// newSQLite opens a database in a file, with a table of notes.
func newSQLite(t *testing.T, cfg sqliteadapter.Config) *sqliteadapter.DB {
	t.Helper()
	db, err := sqliteadapter.Open(filepath.Join(t.TempDir(), "test.db"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if cfg.Ledger.Table != "" {
		if err := db.MigrateLedger(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.SQL().Exec(`create table note (id integer primary key autoincrement, text text)`); err != nil {
		t.Fatal(err)
	}
	return db
}

func notes(t *testing.T, db *sqliteadapter.DB) (texts []string) {
	t.Helper()
	rows, err := db.SQL().Query(`select text from note order by id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

// twoNotes is a handler of three statements, one of them prepared.
func twoNotes(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	tx := sqliteadapter.Tx(ctx)
	if _, err := tx.ExecContext(ctx, `insert into note (text) values (?)`, "a"); err != nil {
		return err
	}
	st, err := tx.PrepareContext(ctx, `insert into note (text) values (?)`)
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := st.ExecContext(ctx, "b"); err != nil {
		return err
	}
	var n int
	if err := tx.QueryRowContext(ctx, `select count(*) from note`).Scan(&n); err != nil {
		return err
	}
	_, err = fmt.Fprint(w, n, " notes")
	return err
}

// TestPlannedFaultsOnARealDatabase: what a plan dooms leaves nothing behind, and what it
// lets through is there once.
//
// Mutation seen to fail it: leave a COMMIT that is planned to fail to the database.
func TestPlannedFaultsOnARealDatabase(t *testing.T) {
	recorded := sqliteadapter.Config{Ledger: ledger.Config{Table: "ledger"}}
	unknown := txtest.Fault{Attempt: 1, AtCommit: true, Reason: retryable.CommitUnknown}
	applied := unknown
	applied.Applied = true
	both := []string{"a", "b"}
	for name, tt := range map[string]struct {
		plan   txtest.Plan
		cfg    sqliteadapter.Config
		status int
		notes  []string
	}{
		"statements": {txtest.Plan{
			{Attempt: 1, Statement: 1, Reason: retryable.LockTimeout},
			{Attempt: 2, Statement: 2, Reason: retryable.Deadlock},
			{Attempt: 3, Statement: 3, Reason: retryable.Disconnected},
		}, sqliteadapter.Config{}, 200, both},
		"connect and COMMIT": {txtest.Plan{
			{Attempt: 1, AtConnect: true, Reason: retryable.Disconnected},
			{Attempt: 2, AtCommit: true, Reason: retryable.Serialization},
		}, sqliteadapter.Config{}, 200, both},
		"unknown":                      {txtest.Plan{unknown}, sqliteadapter.Config{}, 503, nil},
		"unknown, applied":             {txtest.Plan{applied}, sqliteadapter.Config{}, 503, both},
		"unknown, with a ledger":       {txtest.Plan{unknown}, recorded, 200, both},
		"unknown, applied, recognised": {txtest.Plan{applied}, recorded, 200, both},
	} {
		t.Run(name, func(t *testing.T) {
			db := newSQLite(t, tt.cfg)
			faulty := txtest.Wrap(db, tt.plan).MustFire(t)
			h := middleware.New(faulty, middleware.Config{
				Logger: slog.New(slog.DiscardHandler),
				Retry:  retryable.Policy{Outage: retryable.Backoff{Base: 1, Max: 1}},
			})(middleware.HandlerFunc(twoNotes))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
			if w.Code != tt.status || w.Code == 200 && w.Body.String() != "2 notes" {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			if diff := cmp.Diff(tt.notes, notes(t, db)); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			if n := db.SQL().Stats().InUse; n != 0 {
				t.Errorf("%d connections in use", n)
			}
		})
	}
}

// findings is a test that remembers what it fails with.
type findings struct {
	testing.TB
	lines []string
}

func (*findings) Helper()             {}
func (*findings) Logf(string, ...any) {}
func (f *findings) Errorf(format string, args ...any) {
	f.lines = append(f.lines, fmt.Sprintf(format, args...))
}

// TestShakeOnARealDatabase: a cache that outlives its transaction is found, and so is a
// goroutine that does; ids may differ where the test says so.
//
// Mutation seen to fail it: let the adapter tell nothing about stray statements.
func TestShakeOnARealDatabase(t *testing.T) {
	db := newSQLite(t, sqliteadapter.Config{})
	s := &txtest.Shaker{DB: db, Ignore: []string{`"id":\d+`}}
	mux := http.NewServeMux()
	mux.Handle("POST /good", middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		var id int64
		err = sqliteadapter.Tx(r.Context()).QueryRowContext(r.Context(),
			`insert into note (text) values (?) returning id`, string(text)).Scan(&id)
		if err == nil {
			_, err = fmt.Fprintf(w, `{"id":%d}`, id)
		}
		return err
	}))
	cached := -1
	mux.HandleFunc("GET /cached", func(w http.ResponseWriter, r *http.Request) {
		tx := sqliteadapter.Tx(r.Context())
		_, _ = tx.ExecContext(r.Context(), `insert into note (text) values ('seen')`)
		if cached < 0 {
			_ = tx.QueryRowContext(r.Context(), `select count(*) from note`).Scan(&cached)
		}
		fmt.Fprint(w, cached)
	})
	mux.HandleFunc("POST /stray", func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		_, _ = sqliteadapter.Tx(ctx).ExecContext(ctx, `insert into note (text) values ('stray')`)
		go func() {
			<-ctx.Done()
			late := sqliteadapter.Tx(ctx)
			_, _ = late.Exec(`insert into note (text) values ('late')`)
			_ = late.Rollback() // so that no goroutine of database/sql remains
		}()
	})
	f := new(findings)
	s.Shake(f, s.Middleware(mux),
		httptest.NewRequest(http.MethodPost, "/good", nil),
		httptest.NewRequest(http.MethodGet, "/cached", nil),
		httptest.NewRequest(http.MethodPost, "/stray", nil))
	want := []string{
		"GET /cached (request 2): the statements differ, 2 in attempt 1 and 1 in 2: " +
			"statement 2 (select count(*) from note) in the one is the end in the other; " +
			"something has outlived attempt 1, such as a cache: fill it in txctx.AfterCommit",
		"POST /stray (request 3): a statement came after the end of attempt 1, and was refused; " +
			"wait for goroutines before the handler returns",
		"POST /stray (request 3): a statement came after the end of attempt 2, and was refused; " +
			"wait for goroutines before the handler returns",
	}
	if diff := cmp.Diff(want, f.lines); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got := notes(t, db); !slices.Equal(got, []string{"", "seen", "stray"}) {
		t.Errorf("notes: %q", got)
	}
}
