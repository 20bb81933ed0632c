// Package provoked holds tests alone: they have real servers make the errors of
// internal/corpus, each in a request that passes the whole middleware, and look how
// the adapter judged it, what the server undid by itself, what became of the
// connection, and whether the request was replayed and took effect once.
//
// Each file of scenarios is a theme of one engine. What they share is in kit_test.go
// and play_test.go; an engine brings a database.
package provoked
