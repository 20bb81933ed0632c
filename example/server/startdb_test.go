package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

// TestBadURLs: what is wrong with -db is said before anybody connects.
func TestBadURLs(t *testing.T) {
	const pw = ":" + secret + "@localhost"
	for _, test := range []struct{ name, db, want string }{
		{"no scheme", "localhost/" + secret, "malformed URL, want postgres://"},
		{"path alone", "/" + secret + "/tickets.db", "malformed URL, want postgres://"},
		{"keywords", "host=localhost password=" + secret, "malformed URL"},
		{"the driver's own DSN", "app:" + secret + "@tcp(localhost:3306)/x", `unknown scheme "app", want postgres://`},
		{"other scheme", "oracle://app" + pw + "/x", `unknown scheme "oracle", want postgres://`},

		{"postgres: slash in the password", "postgres://app:" + secret + "/x@localhost/x", "malformed URL"},
		{"postgres: percent in the password", "postgres://app:" + secret + "%zz@localhost/x", "malformed URL"},
		{"postgres: port", "postgres://app" + pw + ":99999/x", "malformed URL: invalid port"},
		{"postgres: sslmode", "postgres://app" + pw + "/x?sslmode=maybe", "malformed URL: failed to configure TLS (sslmode is invalid)"},
		{"postgres: password in the query", "postgres://app@localhost/x?sslmode=maybe&password=" + secret, "malformed URL"},
		{"postgres: pool", "postgres://app" + pw + "/x?pool_max_conns=few", "malformed URL: cannot parse pool_max_conns"},

		{"mysql: slash in the password", "mysql://app:" + secret + "/x@localhost/x", "malformed URL"},
		{"mysql: percent in the password", "mysql://app:" + secret + "%zz@localhost/x", "malformed URL"},
		{"mysql: port", "mysql://app" + pw + ":99999/x", "malformed URL: invalid port"},
		{"mysql: no database", "mysql://app" + pw, "malformed URL: it names no database"},
		{"mysql: root of no database", "mysql://app" + pw + "/", "malformed URL: it names no database"},
		{"mysql: password in the query", "mysql://app@localhost/x?password=" + secret, "malformed URL: password belongs before the @"},
		{"mysql: timeout", "mysql://app" + pw + "/x?timeout=soon", "malformed URL: time: invalid duration"},
		{"mysql: parameter", "mysql://app" + pw + "/x?tls=maybe", "malformed URL: "},
		{"mysql: several statements", "mysql://app" + pw + "/x?multiStatements=true", "malformed URL: multiStatements=true"},

		{"sqlite: nothing", "sqlite:", "malformed URL: it names no file"},
		{"sqlite: root", "sqlite:///", "malformed URL: it names no file"},
		{"sqlite: two slashes", "sqlite://tickets.db", "malformed URL: a file has no host"},
		{"sqlite: memory", "sqlite::memory:", "a database in memory would be lost"},
		{"sqlite: percent", "sqlite:100%", "malformed URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-db", test.db}, &out)
			checkStartError(t, err, out.String(), "-db: "+test.want)
		})
	}
}

// TestBadFiles: SQLite has one error for most of this.
func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	const notes = "This is no database, and it must stay as it is, whatever is tried with it.\n"
	if err := os.WriteFile(text, []byte(notes), 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	type badFile struct{ name, path, want string }
	files := []badFile{
		{"folder is missing", filepath.Join(dir, "nowhere", "x.db"), "no such file or directory"},
		{"folder is a file", filepath.Join(text, "x.db"), "not a directory"},
		{"folder", dir, "is a directory"},
		{"no database", text, "file is not a database (26)"},
	}
	if os.Geteuid() != 0 { // who may write everywhere
		files = append(files, badFile{"folder may not be written", filepath.Join(locked, "x.db"), "permission denied"})
	}
	for _, test := range files {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // if it serves after all
			defer cancel()
			err := run(ctx, []string{"-addr", "127.0.0.1:0", "-db", sqliteURL(test.path)}, &out)
			checkStartError(t, err, out.String(), "-db: SQLite file")
			checkStartError(t, err, out.String(), test.path)
			checkStartError(t, err, out.String(), test.want)
		})
	}
	if now, err := os.ReadFile(text); err != nil || string(now) != notes {
		t.Errorf("the file that was no database is now %q, %v", now, err)
	}
}

// TestFileIsBusy: another program is in the middle of writing.
func TestFileIsBusy(t *testing.T) {
	dbURL, outside := createSQLite(t)
	other, err := outside.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	if _, err := other.ExecContext(t.Context(), `create table other (n int)`); err != nil {
		t.Fatal(err)
	}
	err = serve(t.Context(), config{addr: "127.0.0.1:0", dbWait: time.Second, db: dbURL}, slog.New(slog.DiscardHandler))
	checkStartError(t, err, "", "not ready within 1s: ")
}

func TestDatabaseUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for addr, says := range map[string]string{closed.Addr().String(): "connection refused", silent.Addr().String(): "no answer"} {
		for _, scheme := range []string{"postgres", "mysql"} {
			t.Run(scheme+" "+says, func(t *testing.T) {
				const wait = time.Second
				cfg := config{addr: "127.0.0.1:0", dbWait: wait, db: scheme + "://app:" + secret + "@" + addr + "/x"}
				began := time.Now()
				err := serve(t.Context(), cfg, slog.New(slog.DiscardHandler))
				checkStartError(t, err, "", "SQL at "+addr+": not ready within 1s: ")
				checkStartError(t, err, "", says)
				if took := time.Since(began); took < wait/2 || took > 5*wait {
					t.Errorf("it gave up after %v", took)
				}
			})
		}
	}
}

func TestPostgresRefuses(t *testing.T) {
	// The file of who may log in is read by the server's own user.
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	hba := filepath.Join(dir, "pg_hba.conf")
	rules := "host all app all scram-sha-256\nhost all all all trust\n"
	if err := os.WriteFile(hba, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	server := pgtest.New(t, pgserver.Config{Settings: map[string]string{"hba_file": hba}})
	if err := server.Exec(t.Context(), "create role app login password 'another'"); err != nil {
		t.Fatal(err)
	}
	at := "@" + server.Addr() + "/"
	for _, test := range []struct{ name, db, want string }{
		{"wrong password", "app:" + secret + at + "postgres", `password authentication failed for user "app" (SQLSTATE 28P01)`},
		{"no such database", "postgres:" + secret + at + "nowhere", `database "nowhere" does not exist`},
		{"no right to write", "app:another" + at + "postgres", "permission denied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkRefused(t, "postgres://"+test.db+"?sslmode=disable", "PostgreSQL at "+server.Addr()+": "+test.want)
		})
	}
}

func TestMySQLRefuses(t *testing.T) {
	server := mariatest.New(t, mariaserver.Config{})
	if err := server.Exec(t.Context(), `create user app@'%' identified by 'another';
		create database readable; grant select on readable.* to app@'%'`); err != nil {
		t.Fatal(err)
	}
	at := "@" + server.Addr() + "/"
	for _, test := range []struct{ name, db, want string }{
		{"wrong password", "app:" + secret + at + "readable", "Access denied for user 'app'"},
		{"no such database", "root" + at + "nowhere", "Unknown database 'nowhere' (error 1049)"},
		{"not its database", "app:another" + at + "test", "Access denied for user 'app'@'%' to database 'test' (error 1044)"},
		{"no right to write", "app:another" + at + "readable", "CREATE command denied"},
		{"no such variable", "root" + at + "test?pasword=" + secret, "Unknown system variable 'pasword'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkRefused(t, "mysql://"+test.db, "MySQL at "+server.Addr()+": "+test.want)
		})
	}
}

// checkRefused checks that the program ends at once and says why.
func checkRefused(t *testing.T, db, want string) {
	t.Helper()
	var out bytes.Buffer
	began := time.Now()
	err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-db", db}, &out)
	checkStartError(t, err, out.String(), "-db: "+want)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it waited %v for what waiting does not change", took)
	}
}

func checkStartError(t *testing.T, err error, output, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("it started")
	}
	text := err.Error()
	if !strings.Contains(text, want) {
		t.Errorf("error %q does not say %q", text, want)
	}
	if strings.Contains(text, "\n") {
		t.Errorf("more than one line: %q", text)
	}
	if strings.Contains(text+output, secret) {
		t.Errorf("the password is shown: %s\n%s", text, output)
	}
}
