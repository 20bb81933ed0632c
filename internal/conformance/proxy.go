package conformance

import "github.com/reprise-go/reprise/internal/faultproxy"

// Proxy returns the faults that a proxy makes.
func Proxy(p *faultproxy.Proxy) Faults { return proxy{p} }

type proxy struct{ *faultproxy.Proxy }

func (p proxy) CutAll() { p.Proxy.CutAll(faultproxy.RST) }

func (p proxy) Sent() int64 { return p.Flushes() }

func (p proxy) LoseCommit(delivered bool) {
	rule := faultproxy.Rule{When: faultproxy.SQL("commit"), Do: faultproxy.Drop, Then: faultproxy.CutBoth}
	if delivered {
		rule = faultproxy.Rule{When: faultproxy.SQL("commit"), AwaitReply: true, Then: faultproxy.CutClient}
	}
	p.Add(rule)
}
