// Package txtest is for testing your own handlers under replay: without a database, and
// with one.
//
// Replays are rare, so what does not bear one goes unnoticed until the day the database
// fails over. Three tools make that day happen in a test.
//
// # A database without a server
//
// [DB] stands for the database where a handler's way through its attempts is what
// matters, and not its SQL. The handler, or a fake of its repository, calls [Statement]
// for every statement, and the test looks at what was committed:
//
//	db := new(txtest.DB)
//	h := middleware.New(db, middleware.Config{})(handler)
//	...
//	db.Committed() // [insert order 7]
//
// # Faults, as planned
//
// [Wrap] makes things go wrong on a DB, the fake or any adapter's, where a [Plan] says so:
// attempt 1 meets a deadlock at its second statement, attempt 2 the end of the connection
// at COMMIT. A plan reads well in a table of tests:
//
//	{"deadlock", txtest.Plan{{Attempt: 1, Statement: 2, Reason: retryable.Deadlock}}, 201},
//	{"lost at COMMIT", txtest.Plan{{Attempt: 1, AtCommit: true, Reason: retryable.CommitUnknown}}, 503},
//
// On a real database everything is real but the fault: what the attempt had written is
// rolled back there. [FaultyDB.MustFire] fails the test if a fault never came, since a
// test that meets none proves nothing.
//
// # Shaking
//
// [Shake] needs no plan. It serves each request in two attempts, throws away the first
// when the handler has done everything, and reports what the two did differently, and
// what the first one did that no rollback takes back: a mail, a request to another
// service, a counter in a variable. Run it in CI, with a request or two for every route:
//
//	func TestHandlersBearReplays(t *testing.T) {
//		s := &txtest.Shaker{DB: openTestDatabase(t), Ignore: []string{`"id":\d+`}}
//		app := newApp(s.Middleware, &http.Client{Transport: s.Transport(nil)}, fakeMailer{s})
//		s.Shake(t, app,
//			httptest.NewRequest("POST", "/orders", strings.NewReader(`{"item": 7}`)),
//			httptest.NewRequest("GET", "/orders/1", nil),
//		)
//	}
//
// For that the application takes the middleware as an argument, instead of making it:
//
//	func newApp(reprise func(http.Handler) http.Handler, client *http.Client, m Mailer) http.Handler {
//		r := chi.NewRouter()
//		r.Use(requestID, reprise, authenticate)
//		...
//
// and main calls newApp(middleware.New(db, cfg), http.DefaultClient, smtpMailer).
//
// # What a finding means
//
// An answer that differs is made of something that is new in every attempt, such as
// time.Now or a random number; txctx.Once keeps it for all of them. Statements that differ
// show that something has outlived the first attempt, such as a cache filled from a
// transaction that was rolled back; fill it in txctx.AfterCommit. An effect that happened
// twice belongs there too, or into an outbox. A statement that came late is that of a
// goroutine nobody waited for.
//
// Attempts follow each other within a millisecond, so the time shows in an answer only if
// it is told more precisely than that. What goes past the transaction of the request, by
// another pool, is not seen at all.
package txtest
