package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"
)

const twoProcesses = "from two processes"

// errand is what a child process is to do: one variant, one work.
type errand struct {
	Database, DSN, Work, Variant string
	Clients                      int
	Each                         time.Duration
}

// fromProcesses measures a work with its clients in two processes: lanes and the like
// know of one only.
func fromProcesses(ctx context.Context, b brand, db *database, w work, p plan) ([]*measurement, error) {
	variants, done, err := b.variants(ctx, db.dsn(false), 1)
	if err != nil {
		return nil, err
	}
	done() // only their names are of use here
	var ms []*measurement
	for _, v := range variants {
		if v.skips == nil || !v.skips(w) {
			ms = append(ms, &measurement{Database: b.name, Work: w.name, Distance: twoProcesses, Variant: v.name, Trips: -1, Statements: -1})
		}
	}
	for range p.rounds {
		for _, i := range rand.Perm(len(ms)) {
			res, err := together(ctx, errand{b.name, db.dsn(false), w.name, ms[i].Variant, p.crowd / 2, p.each}, 2)
			if err != nil {
				return nil, err
			}
			ms[i].Rounds = append(ms[i].Rounds, res)
		}
	}
	return ms, nil
}

// together sends n processes on an errand and adds up their results.
func together(ctx context.Context, e errand, n int) (sum result, err error) {
	task, err := json.Marshal(e)
	if err != nil {
		return sum, err
	}
	self, err := os.Executable()
	if err != nil {
		return sum, err
	}
	cmds := make([]*exec.Cmd, n)
	outs := make([]bytes.Buffer, n)
	for i := range cmds {
		cmds[i] = exec.CommandContext(ctx, self, "-child", string(task))
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], os.Stderr
		if err := cmds[i].Start(); err != nil {
			return sum, err
		}
		defer func() { _ = cmds[i].Wait() }() // again, where an error has cut this short
	}
	for i, cmd := range cmds {
		var r result
		if err := cmd.Wait(); err != nil {
			return sum, err
		}
		if err := json.Unmarshal(outs[i].Bytes(), &r); err != nil {
			return sum, err
		}
		sum.Good, sum.Failed = sum.Good+r.Good, sum.Failed+r.Failed
		sum.Took, sum.P50, sum.P99 = max(sum.Took, r.Took), max(sum.P50, r.P50), max(sum.P99, r.P99)
	}
	return sum, nil
}

// serveParent runs an errand and prints its result.
func serveParent(ctx context.Context, task string) error {
	var e errand
	if err := json.Unmarshal([]byte(task), &e); err != nil {
		return err
	}
	for _, b := range brands {
		if b.name != e.Database {
			continue
		}
		variants, done, err := b.variants(ctx, e.DSN, e.Clients)
		if err != nil {
			return err
		}
		defer done()
		for _, v := range variants {
			for _, w := range works {
				if v.name != e.Variant || w.name != e.Work {
					continue
				}
				h := v.serve(w)
				load(ctx, h, method(w), e.Clients, min(e.Each, 200*time.Millisecond))
				return json.NewEncoder(os.Stdout).Encode(load(ctx, h, method(w), e.Clients, e.Each))
			}
		}
	}
	return fmt.Errorf("unknown errand %s", task)
}
