package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// striker does the faults of a schedule to a bed.
type striker struct {
	bed    *Bed
	faults []Fault
	failed func(string) // told of what could not be done

	mu   sync.Mutex // of faults
	wg   sync.WaitGroup
	over chan struct{} // closed when the last request has been answered

	deaths sync.Mutex // one at a time
}

func newStriker(b *Bed, faults []Fault, failed func(string)) *striker {
	return &striker{bed: b, faults: slices.Clone(faults), failed: failed, over: make(chan struct{})}
}

// before does what is due before request n. What takes time goes on beside it.
func (s *striker) before(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.faults) > 0 && s.faults[0].At <= n {
		f := s.faults[0]
		s.faults = s.faults[1:]
		switch f.Kind {
		case Wire:
			s.bed.Proxy.Add(f.Rule)
		case CutAll:
			s.bed.Proxy.CutAll(f.How)
		case Outage:
			hit := s.bed.Proxy.Add(f.Rule)
			s.wg.Go(func() {
				select {
				case <-hit.Fired():
					s.strike(f)
				case <-s.over: // nobody commits any more
				}
			})
		default:
			s.wg.Go(func() { s.strike(f) })
		}
	}
}

// wait waits until all is over.
func (s *striker) wait() {
	close(s.over)
	s.wg.Wait()
}

func (s *striker) strike(f Fault) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.deaths.Lock() // also for those who need a living server
	defer s.deaths.Unlock()
	if err := s.do(ctx, f); err != nil {
		s.failed(fmt.Sprintf("%s: %v", f, err))
	}
}

func (s *striker) do(ctx context.Context, f Fault) error {
	rnd := rand.New(rand.NewPCG(f.Seed, 0))
	switch f.Kind {
	case Refuse, Outage:
		s.bed.Proxy.Refuse(true)
		defer s.bed.Proxy.Refuse(false)
		time.Sleep(f.For) // a part of the fault
	case EndSession:
		_, err := s.bed.Server.EndSession(ctx, rnd)
		return err
	case EndSessions:
		_, err := s.bed.Server.EndSessions(ctx)
		return err
	case Kill:
		if err := s.bed.Server.Kill(); err != nil {
			return err
		}
		return s.bed.Server.StartAgain(ctx)
	case FastRestart:
		return s.bed.Server.FastRestart(ctx)
	case KillBackend:
		return s.bed.KillBackend(ctx, rnd)
	case Promote:
		return s.bed.Promote(ctx)
	}
	return nil
}

// settled returns the balances, when no server is dying.
func (s *striker) settled(tb testing.TB) []int64 {
	tb.Helper()
	s.deaths.Lock()
	defer s.deaths.Unlock()
	return s.bed.balances(tb)
}

// KillBackend is kill -9 of the process of one of PostgreSQL's sessions that came
// through the proxy, drawn with rnd. The server then ends all others, and recovers; it
// has when KillBackend returns.
func (b *Bed) KillBackend(ctx context.Context, rnd *rand.Rand) error {
	witness, err := b.Admin.Conn(ctx) // hears of it when the server does
	if err != nil {
		return err
	}
	defer witness.Close()
	pids, err := b.backends(ctx)
	if err != nil || len(pids) == 0 {
		return err
	}
	process, err := os.FindProcess(pids[rnd.IntN(len(pids))])
	if err != nil {
		return err
	}
	switch err := process.Kill(); {
	case errors.Is(err, os.ErrProcessDone): // it left by itself
		return nil
	case err != nil:
		return err
	}
	for witness.PingContext(ctx) == nil {
		time.Sleep(time.Millisecond)
	}
	return b.Await(ctx)
}

// backends returns the process ids of PostgreSQL's sessions, but for those of admins.
func (b *Bed) backends(ctx context.Context) (pids []int, err error) {
	rows, err := b.Admin.QueryContext(ctx, `select pid from pg_stat_activity where backend_type = 'client backend'
		and datname = current_database() and application_name not like '%admin' order by pid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, rows.Err()
}

// Await waits until the server answers.
func (b *Bed) Await(ctx context.Context) error {
	for {
		err := b.Admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
