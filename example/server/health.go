package main

import (
	"context"
	"net/http"
	"time"
)

// Reprise passes these two through untouched.
const (
	pathHealth = "/healthz"
	pathReady  = "/readyz"
)

// health says that the process is there. It does not ask the database: a server
// must not be restarted because its database is.
func health(w http.ResponseWriter, _ *http.Request) {
	_ = writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether requests are worth sending here.
func ready(db *database) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := db.ping(ctx); err != nil {
			_ = writeProblem(w, &refusal{http.StatusServiceUnavailable, "the database does not answer"})
			return
		}
		_ = writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	}
}
