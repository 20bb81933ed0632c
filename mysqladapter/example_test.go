package mysqladapter_test

import (
	"log"
	"net/http"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// A server on MySQL or MariaDB.
func ExampleOpen() {
	db, err := mysqladapter.Open("app:secret@tcp(127.0.0.1:3306)/app", mysqladapter.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SQL().SetMaxOpenConns(20)
	handler := middleware.New(db, middleware.Config{ReadOnly: middleware.SafeMethods})(http.DefaultServeMux)
	log.Fatal(http.ListenAndServe("localhost:8080", handler))
}

// A handler gives its transaction to whatever takes a *sql.Tx.
func ExampleTx() {
	http.HandleFunc("POST /pay", func(w http.ResponseWriter, r *http.Request) {
		_, err := mysqladapter.Tx(r.Context()).ExecContext(r.Context(), `insert into payment values (10)`)
		txctx.Fail(r.Context(), err) // nothing, for nil
	})
}
