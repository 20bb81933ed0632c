// Package telemetry makes OpenTelemetry spans and metrics of what Reprise does.
//
// One value goes with one database, and two methods of it into the Config of the
// middleware, or into [txctx.Options]:
//
//	tel, err := telemetry.New(telemetry.Config{System: "postgresql"})
//	if err != nil {
//		return err
//	}
//	reprise := middleware.New(db, middleware.Config{
//		Observe:        tel.Observe,        // metrics, and the ends of spans
//		AttemptContext: tel.AttemptContext, // spans; leave it out for metrics alone
//	})
//	http.ListenAndServe(addr, otelhttp.NewHandler(reprise(mux), "server"))
//
// Providers are the global ones where Config names none, as anywhere in OpenTelemetry;
// without an SDK both methods do next to nothing.
//
// # Spans
//
// Every attempt is a span, "transaction attempt", below the span of the request, and a
// replay's is linked to that of the attempt before. It is the span in the context of the
// attempt: what otelpgx, otelsql or the handler itself begins there, BEGIN and COMMIT
// included, is below it, so a trace shows what was done and thrown away, and what was
// done in the end:
//
//	POST /transfer
//	├── transaction attempt        deadlock in statement
//	│   ├── query update accounts
//	│   └── query update accounts  40P01
//	└── transaction attempt        reprise.attempt.number=2, reprise.attempt.pause=0.003
//	    ├── query update accounts
//	    ├── query update accounts
//	    └── commit
//
// Attributes are, of the semantic conventions, db.system.name, db.namespace, error.type and
// db.response.status_code (that of PostgreSQL and SQLite; the driver of MySQL has no method
// for it), and besides them reprise.attempt.number, reprise.attempt.pause (the back-off
// before the attempt, in seconds), reprise.attempt.queue (waiting in its lane, in seconds),
// reprise.outcome, reprise.reason and reprise.phase. The status is Error where the attempt
// was doomed or failed. Error texts are left to the log: they may quote values.
//
// Looking for the outcome of a COMMIT without an answer is a span of its own, "outcome
// lookup", below that of its attempt.
//
// AfterCommit functions run after the attempt, so what they begin is below the span of the
// request.
//
// # Metrics
//
//	reprise.requests                 counter    by reprise.result, reprise.gap
//	reprise.request.attempts         histogram
//	reprise.request.held             histogram  bytes
//	reprise.replays                  counter    by reprise.reason, reprise.phase
//	reprise.replay.pause             histogram  seconds, by reprise.reason
//	reprise.lane.wait                histogram  seconds
//	reprise.exhausted                counter    by reprise.why, reprise.reason
//	reprise.outcome.lookup.duration  histogram  seconds, by reprise.outcome
//
// All have db.system.name, and db.namespace where it is set. Every attribute has a fixed
// set of values: no word of a user, such as that of [txctx.DisableReplay], becomes one.
// docs/metrics.md in the repository says what each tells, and what to be alarmed by.
//
// A request that never came to a run, because its body was too large or its
// Idempotency-Key malformed, is not counted: see http.server.request.duration.
//
// # Logs
//
// The middleware itself writes one line for every request that was replayed or failed, with
// all causes; see Logger in its Config.
package telemetry
