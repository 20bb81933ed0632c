package txctx

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// RunID names a run: one call of [Run], so one request, with all its attempts. It is a
// UUID of version 7 (RFC 9562): later ones sort after earlier ones.
type RunID [16]byte

// String returns the id in the form of RFC 9562, "018f3c9e-....".
func (id RunID) String() string {
	var b [36]byte
	hex.Encode(b[:8], id[:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:], id[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

func newRunID(now time.Time) (id RunID) {
	_, _ = rand.Read(id[6:]) // it cannot fail
	binary.BigEndian.PutUint64(id[:8], uint64(now.UnixMilli())<<16|uint64(binary.BigEndian.Uint16(id[6:8])))
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// RunID returns the id that all attempts of the run share.
func (c *Control) RunID() RunID { return c.run.runID() }

// runID makes the id when it is first asked for: most runs need none.
func (r *run) runID() RunID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.id == (RunID{}) {
		r.id = newRunID(r.start)
	}
	return r.id
}
