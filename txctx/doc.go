// Package txctx runs a function in a database transaction, and runs it again in
// a new one when the database gave way beneath it.
//
// [Run] is the engine. The middleware calls it for every HTTP request; scripts
// and jobs call it themselves:
//
//	err := txctx.Run(ctx, db, txctx.Options{Retry: retryable.Persistent()},
//		func(ctx context.Context) error {
//			_, err := pgadapter.Tx(ctx).Exec(ctx, `update accounts set ...`)
//			return err
//		})
//
// One run of the function is an attempt. An attempt whose transaction can only
// be rolled back is doomed: its statements are refused from then on, its result
// is thrown away, and, if the cause [errors.Is] [retryable.ErrRetry], it is
// replayed, within the limits of a [retryable.Policy].
//
// Inside an attempt the context carries what the function may ask of its
// transaction: [AttemptOf], [Fail], [Rollback], [Commit], [AfterCommit],
// [DisableReplay], [Once].
//
// A job that may be started twice has a [Key]: the second run is given what the first
// one answered, instead of running.
//
// While the database is down nobody dials it but one probe at a time, see [Gate], and
// what replays may add to the load of a bad hour is bounded by [Budgets].
//
// The rest of the package, [DB], [Tx], [Claimer], [Gated] and [Control], is for those who
// write an adapter.
package txctx
