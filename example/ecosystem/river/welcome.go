// Package welcome inserts River jobs in the request's transaction, and works them in
// one of their own.
//
// The recipe: [river.Client.InsertTx] takes the request's transaction as it is, with
// riverpgxv5 the one of pgadapter:
//
//	client.InsertTx(ctx, pgadapter.Tx(ctx), Welcome{Account: id}, nil)
//
// and with riverdatabasesql the one of sqladapter. The job is there exactly if the
// request was committed: a doomed attempt takes its job along, and its replay inserts
// another. InsertTx makes no savepoint and no transaction of its own; it sends one INSERT
// and, at most once in Config.FetchCooldown, a NOTIFY, and the first time a question for
// the server's version. A job that a replay inserts within the cooldown comes without a
// NOTIFY, because the one of the doomed attempt was rolled back: it is found by the next
// poll, within Config.FetchPollInterval, a second.
//
// A worker runs in no request. [Worker.Work] calls [txctx.Run] and completes its job in
// there, with [river.JobCompleteTx]: effect and completion are committed together, and a
// conflict or a lost connection is replayed within milliseconds, where River would note an
// error and come back after a second or more. What Run gives up on is River's to retry;
// so the policy is Interactive, not Persistent. An unknown outcome is returned, too: if
// the job was committed it is complete, and River disregards the error.
//
// What does not work: Options.Idempotent for such a Run. JobCompleteTx does not mind that
// the job is complete, so after a COMMIT whose outcome is unknown the effect would be
// there twice. Nor does it mind that River took the job for stuck and gave it to another
// worker: where that must not be seen, key the effect by the id of the job, as the table
// welcome is.
//
// What works elsewhere, but not in requests: client.Insert, which is another transaction.
// Its job stays when the attempt is thrown away, and the replay inserts it again.
package welcome

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// Welcome is the job of welcoming who opened an account.
type Welcome struct {
	Account int64 `json:"account"`
}

// Kind implements [river.JobArgs].
func (Welcome) Kind() string { return "welcome" }

// Open returns the handler that opens an account, and leaves the welcome to a worker.
func Open(client *river.Client[pgx.Tx]) middleware.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		tx := pgadapter.Tx(ctx)
		var id int64
		err := tx.QueryRow(ctx, `insert into account (owner) values ($1) returning id`, r.FormValue("owner")).Scan(&id)
		if err != nil {
			return err
		}
		job, err := client.InsertTx(ctx, tx, Welcome{Account: id}, nil)
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, job.Job.ID)
		return nil
	}
}

// Worker welcomes.
type Worker struct {
	river.WorkerDefaults[Welcome]

	DB *pgadapter.DB

	// Options are those of every run. Interactive
	Options txctx.Options
}

// Work implements [river.Worker]. Its context ends with Config.JobTimeout, and when River
// is stopped with StopAndCancel; then the attempt under way is rolled back.
func (w *Worker) Work(ctx context.Context, job *river.Job[Welcome]) error {
	return txctx.Run(ctx, w.DB, w.Options, func(ctx context.Context) error {
		tx := pgadapter.Tx(ctx)
		_, err := tx.Exec(ctx, `insert into welcome (job_id, account_id) values ($1, $2) on conflict do nothing`,
			job.ID, job.Args.Account)
		if err != nil {
			return err
		}
		_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}
