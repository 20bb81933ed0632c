package provoked_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

// TestPostgresDoor has a server that is particular about who comes in.
func TestPostgresDoor(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t, pgserver.Config{})
	guard(t, server)
	with := func(change func(*pgxpool.Config)) func(t *testing.T) *pgDB {
		return pg(pgOptions{server: func(*testing.T) *pgserver.Server { return server }, pool: change})
	}
	play(t, false, with(nil), []pgScenario{
		{
			row: "pg-048", name: "a wrong password", text: "password authentication failed",
			open: with(func(c *pgxpool.Config) { c.ConnConfig.User, c.ConnConfig.Password = "careful", "wrong" }),
		},
		{
			row: "pg-047", name: "an address that is not let in", text: "pg_hba.conf",
			open: with(func(c *pgxpool.Config) { c.ConnConfig.User = "shy" }),
		},
		{
			row: "pgx-012", name: "a certificate that nobody vouches for", text: "failed to verify certificate",
			open: with(func(c *pgxpool.Config) { c.ConnConfig.TLSConfig = &tls.Config{ServerName: "127.0.0.1"} }),
		},
		{
			row: "pgx-013", name: "versions of TLS that do not meet", text: "remote error: tls: protocol version not supported",
			open: with(func(c *pgxpool.Config) {
				c.ConnConfig.TLSConfig = &tls.Config{ServerName: "127.0.0.1", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // to be refused
			}),
		},
	})
}

// guard gives the server a certificate, and rules for two roles.
func guard(t *testing.T, server *pgserver.Server) {
	t.Helper()
	hba := filepath.Join(server.DataDir(), "pg_hba.conf")
	rules, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	rules = append([]byte("host all careful all scram-sha-256\nhost all shy all reject\n"), rules...)
	if err := os.WriteFile(hba, rules, 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, key := selfSigned(t)
	for _, sql := range []string{
		`create role careful login password 'right'`, `create role shy login`,
		// The server writes them, for they must be its own.
		`copy (select unnest(string_to_array('` + certificate + `', e'\n'))) to program 'cat > server.crt'`,
		`copy (select unnest(string_to_array('` + key + `', e'\n'))) to program 'umask 077; cat > server.key'`,
		`alter system set ssl = on`, `select pg_reload_conf()`,
	} {
		if err := server.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := pgx.ParseConfig(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	cfg.TLSConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // only to see whether there is TLS
	eventually(t, "the configuration is loaded", func() bool {
		conn, err := pgx.ConnectConfig(t.Context(), cfg)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err == nil
	})
}

func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", cert), block("EC PRIVATE KEY", der)
}
