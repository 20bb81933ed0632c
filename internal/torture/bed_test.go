package torture

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/txctx"
)

// TestBed: every handler does what it says, without faults, and with a COMMIT whose
// answer is lost.
func TestBed(t *testing.T) {
	for _, e := range Engines {
		t.Run(string(e), func(t *testing.T) {
			b := NewBed(t, e, BedOptions{})
			a := NewApp(t, b, AppOptions{})
			post := func(path string, ask Ask) (Answer, Done) {
				t.Helper()
				body, _ := json.Marshal(ask)
				got, err := a.Do(t.Context(), "POST", path, nil, body)
				if err != nil {
					t.Fatal(err)
				}
				d, _ := got.Done()
				return got, d
			}
			get := func(path string) Done {
				t.Helper()
				got, err := a.Do(t.Context(), "GET", path, nil, nil)
				if err != nil || got.Status != 200 {
					t.Fatalf("%s: %d %s %v\n%s", path, got.Status, got.Body, err, a.Logs())
				}
				d, _ := got.Done()
				return d
			}
			hit := b.Proxy.Add(faultproxy.Rule{When: b.Commit(), AwaitReply: true, Then: faultproxy.CutClient})
			if got, d := post("/transfer", Ask{Req: "a", From: 1, To: 0, Amount: 30}); got.Status != 200 || d.Attempt != 1 ||
				fmt.Sprint(d.Values) != "[70 130]" || hit.Count() != 1 || a.Count(txctx.OutcomeLookedUp) != 1 {
				t.Errorf("%d %s, %d faults\n%s", got.Status, got.Body, hit.Count(), a.Logs())
			}
			if got, d := post("/transfer", Ask{Req: "b", From: 1, To: 0, Amount: 71}); got.Status != 409 || d.Req != "b" {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if got := get("/accounts"); fmt.Sprint(got.Values) != "[130 70 100 100 100 100 100 100]" {
				t.Error(got)
			}
			for i, path := range []string{"/append/2", "/append/2", "/ring", "/swap", "/swap"} {
				if got, _ := post(path, Ask{Req: fmt.Sprint(i), From: 3, Amount: int64(40 + i)}); got.Status != 200 {
					t.Errorf("%s: %d %s\n%s", path, got.Status, got.Body, a.Logs())
				}
			}
			if got := get("/list/2"); fmt.Sprint(got.Items) != "[0 1]" {
				t.Error(got)
			}
			if got := get("/register/3"); fmt.Sprint(got.Values) != "[44]" {
				t.Error(got)
			}
			if got := b.Number(t, `select succ from ring where id = 3`); got != 5 {
				t.Errorf("3 is followed by %d", got)
			}
			if n := b.Number(t, `select count(*) from happened`); n != 6 {
				t.Errorf("%d rows in the log", n)
			}
		})
	}
}
