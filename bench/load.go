package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// result is what a load came to.
type result struct {
	Good, Failed int
	Took         time.Duration
	P50, P99     time.Duration // of all, those that failed included
}

// rate is the requests per second that succeeded.
func (r result) rate() float64 { return float64(r.Good) / r.Took.Seconds() }

// load sends requests to h from so many clients for so long; each sends the next one
// when it has its answer.
func load(ctx context.Context, h http.Handler, method string, clients int, d time.Duration) result {
	var wg sync.WaitGroup
	taken := make([][]time.Duration, clients)
	failed := make([]int, clients)
	start := time.Now()
	for c := range clients {
		wg.Go(func() {
			for time.Since(start) < d && ctx.Err() == nil {
				began := time.Now()
				ok := send(ctx, h, method)
				taken[c] = append(taken[c], time.Since(began))
				if !ok {
					failed[c]++
				}
			}
		})
	}
	wg.Wait()
	res := result{Took: time.Since(start)}
	all := slices.Concat(taken...)
	for _, n := range failed {
		res.Failed += n
	}
	res.Good = len(all) - res.Failed
	slices.Sort(all)
	if len(all) > 0 {
		res.P50, res.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return res
}

// send sends one request and reports whether it succeeded.
func send(ctx context.Context, h http.Handler, method string) bool {
	w := discard{header: make(http.Header, 4), status: http.StatusOK}
	r := (&http.Request{
		Method: method, URL: &url.URL{Path: "/" + strconv.Itoa(randomAccount())}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody, Host: "bench",
	}).WithContext(ctx)
	h.ServeHTTP(&w, r)
	return w.status == http.StatusOK
}

// discard is a response that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
