package reprise_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// endings are the ways in which a handler can come to its end and leave a mess.
var endings = map[string]step{
	"returns":               ok,
	"panics":                func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) },
	"Goexit":                func(http.ResponseWriter, *http.Request) error { runtime.Goexit(); return nil },
	"is doomed":             raise("40001"),
	"loses the connection":  lose,
	"leaves rows open":      left(func(ctx context.Context, tx pgx.Tx) { _, _ = tx.Query(ctx, `select generate_series(1, 100000)`) }),
	"leaves a row unread":   left(func(ctx context.Context, tx pgx.Tx) { tx.QueryRow(ctx, `select generate_series(1, 100000)`) }),
	"leaves a batch open":   left(func(ctx context.Context, tx pgx.Tx) { b := new(pgx.Batch); b.Queue(`select 1`); tx.SendBatch(ctx, b) }),
	"leaves savepoints":     left(func(ctx context.Context, tx pgx.Tx) { sp, _ := tx.Begin(ctx); _, _ = sp.Begin(ctx) }),
	"leaves a failed state": left(func(ctx context.Context, tx pgx.Tx) { _, _ = tx.Exec(ctx, `select 1/0`) }),
	"panics inside a query": left(func(ctx context.Context, tx pgx.Tx) {
		rows, _ := tx.Query(ctx, `select generate_series(1, 100000)`)
		rows.Next()
		panic(http.ErrAbortHandler)
	}),
	"panics inside Scan": left(func(ctx context.Context, tx pgx.Tx) {
		_ = tx.QueryRow(ctx, `select 'x'`).Scan(panicScanner{})
	}),
	"parses files":            parseFiles,
	"parses files and panics": func(w http.ResponseWriter, r *http.Request) error { _ = parseFiles(w, r); panic(http.ErrAbortHandler) },
	"answers more than memory holds": func(w http.ResponseWriter, r *http.Request) error {
		writeMany(w, 300, 1000)
		return raise("40001")(w, r)
	},
}

type panicScanner struct{}

func (panicScanner) Scan(any) error { panic(http.ErrAbortHandler) }

func left(f func(ctx context.Context, tx pgx.Tx)) step {
	return func(_ http.ResponseWriter, r *http.Request) error {
		f(r.Context(), pgadapter.Tx(r.Context()))
		return nil
	}
}

func parseFiles(_ http.ResponseWriter, r *http.Request) error { return r.ParseMultipartForm(1) }

// TestRule21_NothingIsLeft: no connection in a transaction and no temporary file,
// however a handler ended.
//
// Mutations seen to fail it: do not roll back on a panic; keep the multipart files
// of an attempt.
func TestRule21_NothingIsLeft(t *testing.T) {
	pgtest.Shared(t) // starts before the folder changes
	uploads := t.TempDir()
	t.Setenv("TMPDIR", uploads) // where net/http puts files
	body, contentType := upload(t)
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, options{cfg: middleware.Config{Retry: retryable.Policy{MaxRetries: 2}}},
				middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
					if err := effect(r.Context()); err != nil {
						return err
					}
					return end(w, r)
				}))
			resp, err := a.srv.Client().Post(a.srv.URL, contentType, bytes.NewReader(body))
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			a.checkPoolClean()
			eventually(t, "no temporary file", func() bool { return len(files(t, uploads))+len(files(t, tempDir)) == 0 })
		})
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// upload returns a multipart body that is kept in files on both sides.
func upload(t *testing.T) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	file, err := form.CreateFormFile("file", "x.bin")
	if err != nil {
		t.Fatal(err)
	}
	writeMany(file, 300, 1000)
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), form.FormDataContentType()
}

// TestRule19_TimeoutHandlerInside: it answers while its handler is in the middle of
// a statement. The statement is cut off, and there is no data race.
//
// Mutation seen to fail it, with -race: do not lock in work.close.
func TestRule19_TimeoutHandlerInside(t *testing.T) {
	var wg sync.WaitGroup
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wg.Add(1)
		defer wg.Done()
		_ = effect(r.Context())
		tx := pgadapter.Tx(r.Context())
		for { // as fast as it can, beyond the end of the attempt
			if _, err := tx.Exec(context.WithoutCancel(r.Context()), `select pg_sleep(0.001)`); err != nil {
				_, _ = io.ReadAll(r.Body)
				_, _ = io.WriteString(w, err.Error())
				txctx.AfterCommit(r.Context(), func(context.Context) { t.Error("a hook of a dead attempt ran") })
				return
			}
		}
	})
	a := newApp(t, options{}, http.TimeoutHandler(inner, 50*time.Millisecond, "too slow"))
	for range 5 {
		if got := a.do("POST", "/", "body"); got.status != 503 || got.body != "too slow" {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	wg.Wait()
	if got := a.effects(); len(got) != 0 {
		t.Errorf("effects %v", got)
	}
}
