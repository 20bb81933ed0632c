package reprise_test

import (
	"encoding/json"
	"errors"
	"io"
	osexec "os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/reprise-go/reprise/"

// arrows says what each package may import, besides the standard library. What is
// not listed must not be.
var arrows = map[string][]string{
	"ledger":     {},
	"retryable":  {"github.com/sethvargo/go-retry"},
	"txctx":      {"github.com/sethvargo/go-retry", module + "retryable"},
	"middleware": {"github.com/go-chi/chi/v5", module + "txctx", module + "retryable", module + "internal/spool"},
	"txtest":     {module + "middleware", module + "txctx", module + "retryable"},
	"telemetry": {
		module + "txctx", module + "retryable",
		"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/attribute", "go.opentelemetry.io/otel/codes",
		"go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/semconv/v1.43.0", "go.opentelemetry.io/otel/trace",
	},
	"pgadapter": {
		"github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgconn", "github.com/jackc/pgx/v5/pgtype",
		"github.com/jackc/pgx/v5/pgproto3", "github.com/jackc/pgx/v5/pgxpool", "github.com/jackc/puddle/v2",
		module + "txctx", module + "retryable", module + "ledger",
		module + "internal/errtree", module + "internal/neterr", module + "internal/sqltext",
	},
	"sqladapter":    {module + "txctx", module + "retryable", module + "ledger", module + "internal/sqltext"},
	"sqliteadapter": {"modernc.org/sqlite", module + "sqladapter", module + "txctx", module + "retryable", module + "ledger"},
	"mysqladapter": {
		"github.com/go-sql-driver/mysql", module + "sqladapter", module + "txctx", module + "retryable", module + "ledger",
		module + "internal/errtree", module + "internal/neterr", module + "internal/sqltext",
	},
	"internal/errtree": {},
	"internal/neterr":  {},
	"internal/spool":   {},
	"internal/sqltext": {},
}

// TestArrows: the packages depend on each other as the package documentation says,
// and on nothing else, so that users link what they use.
func TestArrows(t *testing.T) {
	args := []string{"list", "-json=ImportPath,Imports,TestImports,XTestImports"}
	for name := range arrows {
		args = append(args, module+name)
	}
	out, err := osexec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(pkg.ImportPath, module)
		for _, imp := range pkg.Imports {
			if strings.Contains(imp, ".") && !slices.Contains(arrows[name], imp) {
				t.Errorf("%s imports %s", name, imp)
			}
		}
		// Even a test would put the driver into the go.sum of users of this package.
		for _, imp := range slices.Concat(pkg.TestImports, pkg.XTestImports) {
			if strings.HasPrefix(imp, "github.com/jackc/") && name != "pgadapter" ||
				strings.HasPrefix(imp, "github.com/go-sql-driver/") && name != "mysqladapter" ||
				strings.HasPrefix(imp, "modernc.org/") && name != "sqliteadapter" {
				t.Errorf("a test of %s imports %s", name, imp)
			}
		}
	}
}
