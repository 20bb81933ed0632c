package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/torture"
)

// scenario is a fault, and what it comes to.
type scenario struct {
	number  int
	name    string
	engines string // P, M or both
	play    func(t *testing.T, e torture.Engine)
}

// scenarios are all there are.
var scenarios = []scenario{
	{1, "dial-refused", "PM", dialRefused},
	{2, "stale-pool", "PM", stalePool},
	{3, "cut-after-begin", "PM", cutAfterBegin},
	{4, "cut-up-N", "PM", cutUp},
	{5, "cut-down-N", "PM", cutDown},
	{6, "slow-statement-gone", "PM", slowStatementGone},
	{7, "commit-not-sent", "PM", play(commitNotSent)},
	{8, "commit-half-sent", "PM", commitHalfSent},
	{9, "commit-sent-fin", "PM", play(sentFIN)},
	{10, "commit-sent-rst", "PM", play(sentRST)},
	{11, "reply-swallowed", "PM", play(replySwallowed)},
	{12, "reply-truncated", "PM", replyTruncatedEverywhere},
	{13, "complete-no-ready", "P", play(completeNoReady)},
	{14, "late-commit", "PM", lateCommit},
	{15, "late-commit-vs-replay", "PM", lateCommitVsReplay},
	{16, "commit-black-hole", "PM", commitBlackHoleEnded},
	{17, "reply-black-hole", "PM", replyBlackHole},
	{18, "all-black-hole", "PM", allBlackHole},
	{19, "kill9-before-commit", "PM", kill9BeforeCommit},
	{20, "kill9-at-commit", "PM", kill9AtCommit},
	{21, "backend-kill9", "P", backendKill9},
	{22, "xid-reuse", "P", xidReuse},
	{23, "fast-restart", "PM", fastRestart},
	{24, "terminate-mid-handler", "PM", terminateMidHandler},
	{25, "terminate-vs-commit", "PM", terminateVsCommit},
	{26, "syncrep-stuck", "P", syncrepStuck},
	{27, "syncrep-cancel", "P", syncrepCancel},
	{28, "async-off-crash", "P", asyncOffCrash},
	{29, "promote-lost-tail", "P", promoteLostTail},
	{30, "promote-kept", "P", promoteKept},
	{31, "lookup-on-standby", "PM", lookupOnStandby},
	{32, "serialization-stmt", "P", serializationStmt},
	{33, "serialization-commit", "P", serializationCommit},
	{34, "deadlock", "PM", deadlock},
	{35, "lock-timeout-stmt", "M", lockTimeoutStmt},
	{36, "deferred-constraint", "P", deferredConstraint},
	{37, "swallowed-error", "P", swallowedError},
	{38, "implicit-commit", "M", implicitCommit},
	{39, "same-key-race", "PM", sameKeyRace},
	{40, "key-other-body", "PM", keyOtherBody},
	{41, "app-kill-after-commit", "PM", appKillAfterCommit},
	{42, "app-kill-before-commit", "PM", appKillBeforeCommit},
	{43, "client-gone", "PM", clientGone},
	{44, "streamed-response", "PM", streamedResponse},
	{45, "big-body", "PM", bigBody},
	{46, "mutables", "PM", mutables},
	{47, "outbox", "PM", outbox},
	{48, "driver-silent-retry", "P", driverSilentRetry},
	{49, "storm", "PM", storm},
	{50, "purge-early", "PM", purgeEarly},
}

func TestScenarios(t *testing.T) {
	torture.NotShort(t)
	for _, s := range scenarios {
		t.Run(fmt.Sprintf("%02d-%s", s.number, s.name), func(t *testing.T) {
			t.Parallel()
			for _, e := range torture.Chosen() {
				if strings.Contains(s.engines, map[torture.Engine]string{torture.Postgres: "P", torture.MariaDB: "M"}[e]) {
					t.Run(string(e), func(t *testing.T) {
						t.Parallel()
						s.play(t, e)
					})
				}
			}
		})
	}
}

// required are the scenarios and their engines, 1 to 50.
const required = `
dial-refused:PM stale-pool:PM cut-after-begin:PM cut-up-N:PM cut-down-N:PM slow-statement-gone:PM commit-not-sent:PM
commit-half-sent:PM commit-sent-fin:PM commit-sent-rst:PM reply-swallowed:PM reply-truncated:PM complete-no-ready:P
late-commit:PM late-commit-vs-replay:PM commit-black-hole:PM reply-black-hole:PM all-black-hole:PM kill9-before-commit:PM
kill9-at-commit:PM backend-kill9:P xid-reuse:P fast-restart:PM terminate-mid-handler:PM terminate-vs-commit:PM
syncrep-stuck:P syncrep-cancel:P async-off-crash:P promote-lost-tail:P promote-kept:P lookup-on-standby:PM
serialization-stmt:P serialization-commit:P deadlock:PM lock-timeout-stmt:M deferred-constraint:P swallowed-error:P
implicit-commit:M same-key-race:PM key-other-body:PM app-kill-after-commit:PM app-kill-before-commit:PM client-gone:PM
streamed-response:PM big-body:PM mutables:PM outbox:PM driver-silent-retry:P storm:PM purge-early:PM`

// TestNoneIsForgotten: all 50 are in the table, on the engines that have them.
func TestNoneIsForgotten(t *testing.T) {
	var have []string
	for i, s := range scenarios {
		have = append(have, s.name+":"+s.engines)
		if s.number != i+1 || s.play == nil {
			t.Errorf("%d. is %d %s", i+1, s.number, s.name)
		}
	}
	if want := strings.Fields(required); len(have) != 50 || !slices.Equal(have, want) {
		t.Errorf("there are %d:\n%v\nwant\n%v", len(have), have, want)
	}
}
