package proxytest

import (
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// LostCommit is a fault by which the answer to COMMIT does not come.
type LostCommit struct {
	Rule faultproxy.Rule // whose When is the caller's
	Runs int             // of a request whose outcome is found out
}

// LostCommits are such faults, for adapters that can find out what became of a COMMIT
// whose row in the ledger is locked until its session ends.
var LostCommits = map[string]LostCommit{
	"reply swallowed":   {faultproxy.Rule{AwaitReply: true, Then: faultproxy.CutBoth}, 1},
	"half sent":         {faultproxy.Rule{Do: faultproxy.Truncate, Keep: 7, Then: faultproxy.CutBoth}, 2},
	"not sent":          {faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.CutBoth}, 2},
	"late":              {faultproxy.Rule{Do: faultproxy.Delay, Delay: 300 * time.Millisecond, Then: faultproxy.CutClient, Before: true}, 1},
	"COMMIT black hole": {faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.BlackHole}, 2},
	"reply black hole":  {faultproxy.Rule{AwaitReply: true, Then: faultproxy.BlackHole}, 1},
}
