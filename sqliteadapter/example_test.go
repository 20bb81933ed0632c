package sqliteadapter_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// A server on a database in a file.
func ExampleOpen() {
	db, err := sqliteadapter.Open("app.db", sqliteadapter.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	handler := middleware.New(db, middleware.Config{ReadOnly: middleware.SafeMethods})(http.DefaultServeMux)
	log.Fatal(http.ListenAndServe("localhost:8080", handler))
}

func ExampleTx() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sqliteadapter.Open(filepath.Join(dir, "app.db"), sqliteadapter.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	err = txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		tx := sqliteadapter.Tx(ctx)
		if _, err := tx.ExecContext(ctx, `create table greeting (word text)`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `insert into greeting values ('hello')`)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	var word string
	_ = db.SQL().QueryRow(`select word from greeting`).Scan(&word)
	fmt.Println(word)
	// Output: hello
}
