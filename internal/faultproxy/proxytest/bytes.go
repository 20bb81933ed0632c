package proxytest

import (
	"testing"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// EveryByte ends an exchange at each of its bytes. ask makes the exchange on a
// new connection; want says how long it is.
func EveryByte(t *testing.T, p *faultproxy.Proxy, ask func() error, want map[faultproxy.Dir]int64) {
	for _, dir := range []faultproxy.Dir{faultproxy.Up, faultproxy.Down} {
		n := int64(0)
		for ; ; n++ {
			if n > 200 {
				t.Fatal("it does not end")
			}
			hit := p.Add(faultproxy.Rule{When: faultproxy.Byte(dir, n), Do: faultproxy.Drop, Then: faultproxy.CutBoth, How: faultproxy.How(n % 2)})
			err := ask()
			p.CutAll(faultproxy.FIN)
			if hit.Count() == 0 { // there is no such byte
				hit.Remove()
				if err != nil {
					t.Errorf("%s %d: %v", dir, n, err)
				}
				break
			}
			if err == nil {
				t.Errorf("%s %d: no error", dir, n)
			}
		}
		if n != want[dir] {
			t.Errorf("%d bytes %s, want %d", n, dir, want[dir])
		}
	}
}

// StartUp cuts within the start-up phase. connect connects once, and hangs up.
func StartUp(t *testing.T, p *faultproxy.Proxy, connect func() error, at ...faultproxy.Trigger) {
	for _, when := range at {
		hit := p.Add(faultproxy.Rule{When: when, FromStart: true, Do: faultproxy.Drop, Then: faultproxy.CutBoth})
		if err := connect(); err == nil {
			t.Errorf("%s: connected", when)
		}
		if hit.Count() != 1 {
			t.Errorf("%s: fired %d times", when, hit.Count())
		}
		hit.Remove()
	}
	if err := connect(); err != nil {
		t.Error(err)
	}
}
