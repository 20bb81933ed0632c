package torture

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// sane returns a history and the world it led to, in which every invariant holds, with
// something of every kind.
func sane() (*History, *World) {
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	op := func(client int, kind Kind, ask Ask, call, ret int, d Done) Op {
		d.Req, d.Attempt, d.Run = ask.Req, max(d.Attempt, 1), "run-"+ask.Req
		return Op{Client: client, Kind: kind, Ask: ask, Call: at(call), Return: at(ret), Status: 200, Done: d, Sent: 1}
	}
	full := func() []int64 { return slices.Repeat([]int64{Start}, Accounts) }
	moved := full()
	moved[0], moved[1] = 70, 130
	refusal := op(1, Transfer, Ask{Req: "no", From: 2, To: 3, Amount: 500}, 20, 30, Done{})
	refusal.Class, refusal.Status = Refused, 409
	failure := op(1, Transfer, Ask{Req: "bad", From: 2, To: 3, Amount: 5}, 40, 50, Done{})
	failure.Class, failure.Status, failure.Done = Failed, 503, Done{}
	h := &History{
		Ops: []Op{
			op(0, Transfer, Ask{Req: "t", From: 0, To: 1, Amount: 30}, 0, 50, Done{Attempt: 2, Values: []int64{70, 130}}),
			op(2, ReadAll, Ask{Req: "r1"}, 10, 20, Done{Values: full()}),
			op(2, ReadAll, Ask{Req: "r2"}, 60, 70, Done{Values: moved}),
			refusal, failure,
			op(3, Append, Ask{Req: "a1", From: 1}, 0, 10, Done{Values: []int64{1}}),
			op(3, Append, Ask{Req: "a2", From: 1}, 20, 40, Done{Values: []int64{2}}),
			op(4, ReadList, Ask{Req: "l", From: 1}, 15, 30, Done{Items: []string{"a1"}}),
			op(5, Relink, Ask{Req: "g", From: 0}, 0, 10, Done{}),
			op(6, Swap, Ask{Req: "s1", From: 1, Amount: 7}, 0, 10, Done{Values: []int64{0}}),
			op(6, Swap, Ask{Req: "s2", From: 1, Amount: 8}, 20, 30, Done{Values: []int64{7}}),
			op(7, ReadRegister, Ask{Req: "x", From: 1}, 25, 35, Done{Values: []int64{7}}),
		},
		Settled: [][]int64{full(), moved},
		End:     at(100),
	}
	w := &World{
		Balances: moved, HasLedger: true,
		Lists:  [][]string{nil, {"a1", "a2"}, nil, nil},
		Places: [][]int{nil, {1, 2}, nil, nil},
		Marks:  []Mark{{Run: "run-t", Attempt: 1, Void: true}},
	}
	for i := range RingSize {
		w.Ring = append(w.Ring, (i+1)%RingSize)
	}
	w.Ring[0], w.Ring[2], w.Ring[1] = 2, 1, 3
	for _, op := range h.Ops {
		if op.Kind.Writes() && op.Class == Acked {
			w.Log = append(w.Log, LogRow{op.Ask.Req, op.Done.Attempt, op.Done.Run, op.Kind, op.Ask.From, op.Ask.To, op.Ask.Amount})
			w.Marks = append(w.Marks, Mark{Run: op.Done.Run, Attempt: op.Done.Attempt})
		}
	}
	return h, w
}

// eventsOf is what is observed of a history.
func eventsOf(h *History) (all []txctx.Event, runs int) {
	for _, op := range h.Ops {
		n := max(op.Done.Attempt, 1)
		for i := range n {
			all = append(all, txctx.Event{Kind: txctx.AttemptStarted, Attempt: i + 1}, txctx.Event{Kind: txctx.AttemptEnded, Attempt: i + 1})
			if i+1 < n {
				all = append(all, txctx.Event{Kind: txctx.ReplayScheduled, Attempt: i + 1})
			}
		}
		all = append(all, txctx.Event{Kind: txctx.RequestFinished, Attempt: n})
		runs += n
	}
	return all, runs
}

// broken returns the invariants that do not hold.
func broken(h *History, w *World) (all []int) {
	events, runs := eventsOf(h)
	for _, found := range [][]Violation{
		AtMostOnce(w), AckedApplied(h, w), FailedAbsent(h, w), NoneUnknown(h), Money(h, w), Marks(w), Stored(h, w),
		Linearizable(h, w, 10*time.Second, nil), OneRing(w), AppendLists(h, w), Accounting(h, events, runs, retryable.Interactive()),
	} {
		for _, v := range found {
			if !slices.Contains(all, v.Invariant) {
				all = append(all, v.Invariant)
			}
		}
	}
	return all
}

// keep keeps an answer with the key of a run.
func keep(w *World, run string, status int, body string) {
	i := slices.IndexFunc(w.Marks, func(m Mark) bool { return m.Run == run && !m.Void })
	w.Marks[i].Keyed, w.Marks[i].Status, w.Marks[i].Body = true, status, body
}

// TestCheckersFail: each checker finds what it is there for. A checker that cannot fail
// is broken.
func TestCheckersFail(t *testing.T) {
	find := func(h *History, req string) *Op {
		for i := range h.Ops {
			if h.Ops[i].Ask.Req == req {
				return &h.Ops[i]
			}
		}
		panic(req)
	}
	row := func(w *World, req string) int {
		return slices.IndexFunc(w.Log, func(r LogRow) bool { return r.Req == req })
	}
	for _, tt := range []struct {
		name  string
		spoil func(h *History, w *World)
		want  []int // those that must be broken; others may be
	}{
		{"nothing", func(*History, *World) {}, nil},
		{"nothing, with a key", func(h *History, w *World) {
			op := find(h, "g")
			op.Keyed, op.Body, op.Others = true, []byte("done"), []Answer{{Status: 200, Body: []byte("done")}}
			keep(w, "run-g", 200, "done")
		}, nil},
		{"done twice, by another attempt", func(_ *History, w *World) {
			r := w.Log[row(w, "g")]
			r.Attempt = 2
			w.Log = append(w.Log, r)
			w.Marks = append(w.Marks, Mark{Run: r.Run, Attempt: 2})
		}, []int{1, 6}},
		{"acknowledged and absent", func(_ *History, w *World) {
			i := row(w, "g")
			w.Log = slices.Delete(w.Log, i, i+1)
		}, []int{2, 6}},
		{"answered by another attempt", func(h *History, _ *World) { find(h, "t").Done.Attempt = 1 }, []int{2}},
		{"answered by another run", func(h *History, _ *World) { find(h, "t").Done.Run = "?" }, []int{2}},
		{"answered with another's answer", func(h *History, _ *World) { find(h, "t").Done.Req = "s1" }, []int{2}},
		{"a 200 without an answer", func(h *History, _ *World) { find(h, "r1").Done = Done{} }, []int{2}},
		{"failed and there", func(_ *History, w *World) {
			w.Log = append(w.Log, LogRow{Req: "bad", Kind: Transfer, Amount: 0})
		}, []int{3}},
		{"refused and there", func(_ *History, w *World) {
			w.Log = append(w.Log, LogRow{Req: "no", Kind: Relink})
		}, []int{3}},
		{"nobody asked", func(_ *History, w *World) {
			w.Log = append(w.Log, LogRow{Req: "?", Kind: Relink})
		}, []int{3}},
		{"in doubt", func(h *History, _ *World) { find(h, "bad").Class = Unknown }, []int{4}},
		{"a read saw half of a transfer", func(h *History, _ *World) { find(h, "r1").Done.Values[0] = 70 }, []int{5, 7}},
		{"money is lost", func(_ *History, w *World) { w.Balances[5]-- }, []int{5, 7}},
		{"money is moved, and nobody logged it", func(_ *History, w *World) { w.Balances[5]--; w.Balances[6]++ }, []int{5, 7}},
		{"a debt", func(h *History, _ *World) { find(h, "t").Done.Values[0] = -1 }, []int{5, 7}},
		{"money was missing for a while", func(h *History, _ *World) { h.Settled[0] = slices.Repeat([]int64{99}, Accounts) }, []int{5, 7}},
		{"void and done", func(_ *History, w *World) { w.Marks[1].Void = true }, []int{6}},
		{"in the ledger, and nothing done", func(_ *History, w *World) { w.Marks = append(w.Marks, Mark{Run: "run-x", Attempt: 1}) }, []int{6}},
		{"done, and not in the ledger", func(_ *History, w *World) { w.Marks = w.Marks[:len(w.Marks)-1] }, []int{6}},
		{"an answer that is not kept", func(h *History, _ *World) { find(h, "g").Keyed = true }, []int{6}},
		{"another answer is kept", func(h *History, w *World) {
			find(h, "g").Keyed = true
			keep(w, "run-g", 200, "another")
		}, []int{6}},
		{"the key was answered otherwise", func(h *History, w *World) {
			op := find(h, "g")
			op.Keyed, op.Others = true, []Answer{{Status: 200, Body: []byte("another")}}
			keep(w, "run-g", 200, "")
		}, []int{6}},
		{"an answer is kept that nobody got", func(h *History, w *World) { keep(w, "run-g", 200, "") }, []int{6}},
		{"two requests in one run", func(_ *History, w *World) { w.Log[1].Run = w.Log[0].Run }, []int{6}},
		{"a read from the past", func(h *History, _ *World) {
			find(h, "r2").Done.Values = slices.Repeat([]int64{Start}, Accounts)
		}, []int{7}},
		{"a register's value nobody set", func(h *History, _ *World) { find(h, "x").Done.Values[0] = 9 }, []int{7}},
		{"two sets saw the same", func(h *History, _ *World) { find(h, "s2").Done.Values[0] = 0 }, []int{7}},
		{"two rings", func(_ *History, w *World) { w.Ring[0], w.Ring[8] = w.Ring[8], w.Ring[0] }, []int{8}},
		{"a tail", func(_ *History, w *World) { w.Ring[RingSize-1] = 5 }, []int{8}},
		{"appended twice", func(_ *History, w *World) {
			w.Lists[1], w.Places[1] = append(w.Lists[1], "a1"), append(w.Places[1], 3)
		}, []int{9}},
		{"an append is lost", func(_ *History, w *World) { w.Lists[1], w.Places[1] = w.Lists[1][:1], w.Places[1][:1] }, []int{9}},
		{"two at the same place", func(_ *History, w *World) { w.Places[1][1] = 1 }, []int{9}},
		{"a read of what was never there", func(h *History, _ *World) { find(h, "l").Done.Items = []string{"a2"} }, []int{9}},
		{"a list from the past", func(h *History, _ *World) { find(h, "l").Done.Items = nil }, []int{9}},
		{"a request that took a minute", func(h *History, _ *World) { find(h, "g").Return = 2 * time.Minute }, []int{11}},
		{"a request with too many attempts", func(h *History, w *World) {
			find(h, "g").Done.Attempt = 7
			w.Log[row(w, "g")].Attempt = 7
			w.Marks[slices.IndexFunc(w.Marks, func(m Mark) bool { return m.Run == "run-g" })].Attempt = 7
		}, []int{11}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, w := sane()
			tt.spoil(h, w)
			got := broken(h, w)
			for _, n := range tt.want {
				if !slices.Contains(got, n) {
					t.Errorf("invariant %d holds", n)
				}
			}
			if tt.want == nil && got != nil {
				t.Errorf("broken: %v", got)
			}
		})
	}
}

// TestAccountingFails: handlers that ran more often, or less often, than was observed.
func TestAccountingFails(t *testing.T) {
	h, _ := sane()
	events, runs := eventsOf(h)
	for _, n := range []int{runs - 1, runs + 1} {
		if len(Accounting(h, events, n, retryable.Interactive())) == 0 {
			t.Errorf("%d runs pass for %d", n, runs)
		}
	}
	if len(Accounting(h, events[1:], runs, retryable.Interactive())) == 0 {
		t.Error("an event too few passes")
	}
}

// TestDoubtsMayBeEither: what is in doubt explains both, and does not explain anything.
func TestDoubtsMayBeEither(t *testing.T) {
	for _, tt := range []struct {
		name  string
		seen  []int64 // by the read after it, of accounts 0 and 1
		legal bool
	}{
		{"it happened", []int64{90, 110}, true},
		{"it did not", []int64{100, 100}, true},
		{"it happened twice", []int64{80, 120}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			end := slices.Repeat([]int64{Start}, Accounts)
			copy(end, tt.seen)
			h := &History{
				Ops: []Op{
					{Kind: Transfer, Class: Unknown, Ask: Ask{Req: "t", From: 0, To: 1, Amount: 10}, Call: 0, Return: 10},
					{Kind: ReadAll, Client: 1, Class: Acked, Ask: Ask{Req: "r"}, Call: 20, Return: 30, Done: Done{Attempt: 1, Values: end}},
				},
				Settled: [][]int64{slices.Repeat([]int64{Start}, Accounts), end},
				End:     40,
			}
			if got := Linearizable(h, &World{Balances: end, Log: []LogRow{{Req: "t"}}}, 10*time.Second, nil); (len(got) == 0) != tt.legal {
				t.Error(got)
			}
		})
	}
}

// TestPicturesAreKept: what cannot be explained is kept as a picture.
func TestPicturesAreKept(t *testing.T) {
	h, w := sane()
	w.Balances = slices.Clone(w.Balances)
	w.Balances[0]--
	dir := t.TempDir() + "/new"
	t.Setenv("REPRISE_ARTIFACTS", dir)
	found := Linearizable(h, w, 10*time.Second, pictures(t, &Result{Engine: Postgres, Seed: 7}))
	picture, err := os.ReadFile(dir + "/postgres-7-counters.html")
	if len(found) != 1 || err != nil || !strings.Contains(string(picture), "<html") {
		t.Errorf("%v, a picture of %d bytes, %v", found, len(picture), err)
	}
}

// TestDraw: a seed draws the same schedule again, and another one another.
func TestDraw(t *testing.T) {
	for _, e := range Engines {
		draw := func(seed uint64) string {
			out, _ := json.Marshal(fmt.Sprint(Draw(e, seed, 1000, Intensity{Deaths: 3})))
			return string(out)
		}
		if first := draw(1); draw(1) != first || draw(2) == first {
			t.Errorf("%s: the seed does not say it all", e)
		}
		seen := map[FaultKind]bool{}
		for _, f := range Draw(e, 1, 10_000, Intensity{Deaths: 3}) {
			seen[f.Kind] = true
		}
		want := 8
		if e == MariaDB {
			want = 7
		}
		if len(seen) != want {
			t.Errorf("%s: only %v", e, seen)
		}
	}
}
