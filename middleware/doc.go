// Package middleware gives every HTTP request one database transaction and
// replays the whole request when the database takes that transaction away.
//
//	r := chi.NewRouter()
//	r.Use(middleware.New(pgadapter.New(pool, pgadapter.Config{}), middleware.Config{}))
//	r.Method("POST", "/transfer", middleware.HandlerFunc(transfer))
//
//	func transfer(w http.ResponseWriter, r *http.Request) error {
//		_, err := pgadapter.Tx(r.Context()).Exec(r.Context(), `update ...`)
//		if err != nil {
//			return err // replayed if that can help, else 500
//		}
//		fmt.Fprintln(w, "done") // leaves after COMMIT
//		return nil
//	}
//
// A request goes one way: it is captured as it arrived; [txctx.Run] makes
// attempts, each with a fresh copy of the request and an empty, sealed response;
// the one answer is sent after the transaction has been committed or rolled
// back. An answer with a status of 400 or more rolls back and is sent as it is,
// see [Config].RollbackOn, [txctx.Commit] and [txctx.Rollback].
//
// Requests of one route that conflict with each other queue for their turn, see
// [Config].Lane and [txctx.Lanes].
//
// # Idempotency-Key
//
// A client that got no answer does not know whether its request took effect, and sends
// it again. With [Config].Keys, and an adapter with a ledger, it may: a key that the
// client chose for the request is recorded in the request's own transaction, together
// with the answer, so that both are there exactly if the effects are.
//
//	r := chi.NewRouter()
//	r.Use(authenticate) // outside: a stored answer asks no handler
//	r.Use(middleware.New(db, middleware.Config{Keys: middleware.Keys{
//		Scope:    func(r *http.Request) (string, error) { return userOf(r.Context()), nil },
//		Required: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/payments") },
//	}}))
//
// The request that comes again is answered like the first, with Idempotency-Replayed:
// true. It gets 409 while the first is under way, 422 if it asks for something else,
// and runs again if the first one was rolled back, be it by its own 4xx or 5xx. See
// [Keys].
//
// # Shutdown
//
// [http.Server.Shutdown] waits for requests and tells them nothing: by itself, it also
// waits for those that wait for the database. [Config].Stopping tells them:
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	r.Use(middleware.New(db, middleware.Config{Stopping: ctx.Done()}))
//	go srv.ListenAndServe()
//	<-ctx.Done()
//	err := srv.Shutdown(within) // a context that leaves an attempt its time
//	pool.Close()
//
// From the signal on, attempts under way go on to their end, COMMIT and AfterCommit
// functions included, before Shutdown returns. Nothing is replayed any more: a request
// in back-off, or in ConnectWait, is answered at once with 503 and Retry-After, and so is
// one whose attempt is doomed later. Closing the pool waits for the COMMITs of plain
// reads that were already answered. Where Shutdown gives up on requests that take too
// long, end the context of [http.Server].BaseContext with a cause of your own
// ([context.WithCancelCause]): they are rolled back, and answered with 503 and
// Retry-After as well. The example server does all of this.
//
// # Limits
//
// What a sealed response cannot do: Flush, Hijack and Unwrap. Routes that stream
// or upgrade belong into [Config].Skip. Multipart temporary files are removed
// with their attempt, except where inner middleware parses the form on a copy of
// the request (r.WithContext): net/http itself loses track of those.
// http.TimeoutHandler works inside, around a handler. Around a whole chi router it
// belongs outside: the goroutine it leaves behind would go on routing in a context
// that is being read.
package middleware
