package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/reprise-go/reprise/middleware"
)

// refusal is an error that the client is told about. Its status of 400 or more
// rolls the transaction back, whatever has been written by then.
type refusal struct {
	status int
	detail string
}

func (e *refusal) Error() string { return e.detail }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// handle makes a handler of fn. A refusal that fn returns is answered as it says;
// any other error fails the attempt, and Reprise decides what becomes of it.
func handle(fn func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		err := fn(w, r)
		if no, ok := errors.AsType[*refusal](err); ok {
			return writeProblem(w, no)
		}
		return err
	}).ServeHTTP
}

// readJSON reads the body, which must be one JSON object with known fields.
func readJSON(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "the body is not what is expected here: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "the body goes on after its end")
	}
	return nil
}

// writeJSON answers with v. Nothing leaves before COMMIT: this cannot fail because
// of the client.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	return write(w, status, "application/json", v)
}

// writeProblem answers in the form that Reprise itself uses (RFC 9457).
func writeProblem(w http.ResponseWriter, no *refusal) error {
	return write(w, no.status, "application/problem+json", struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(no.status), no.status, no.detail})
}

func write(w http.ResponseWriter, status int, contentType string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return err
}

// pathID returns the number in the path. What is no number names nothing.
func pathID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, refuse(http.StatusNotFound, "there is nothing here")
	}
	return id, nil
}
