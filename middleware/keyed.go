package middleware

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

// keyed is what an exchange with an Idempotency-Key has besides the others.
type keyed struct {
	key     txctx.Key
	expires time.Time
	stored  *txctx.Answer // of an earlier request
}

// claimKey finds out whether the request has a key. If it has, the body has arrived
// whole afterwards.
func (ex *exchange) claimKey(readOnly bool) error {
	keys := &ex.h.cfg.Keys
	if keys.Scope == nil || readOnly || SafeMethods(ex.r) {
		return nil
	}
	value, err := keys.keyOf(ex.r)
	if err != nil || value == "" {
		return err
	}
	arrived := time.Now()
	scope, err := keys.Scope(ex.r)
	if err != nil {
		return fmt.Errorf("middleware: Config.Keys.Scope: %w", err)
	}
	fingerprint, err := ex.fingerprint()
	if err != nil {
		return err
	}
	ex.keyed = &keyed{expires: arrived.Add(ex.h.retention), key: txctx.Key{
		ID:          keyID(scope, value),
		Fingerprint: fingerprint,
		Wait:        keys.Wait,
		Answer:      ex.keepAnswer,
		Stored:      func(a txctx.Answer) { ex.keyed.stored = &a },
	}}
	return nil
}

// txctxKey is the key as an option, nil without one.
func (ex *exchange) txctxKey() *txctx.Key {
	if ex.keyed == nil {
		return nil
	}
	return &ex.keyed.key
}

// keyID is a digest of the key and of whose it is. Digests are kept for long: what
// goes into them must not change without another first line.
func keyID(scope, key string) (id [32]byte) {
	d := sha256.New()
	digest(d, "reprise key 1", scope, key)
	return [32]byte(d.Sum(nil))
}

// fingerprint is a digest of what the request asks for. It reads the whole body.
func (ex *exchange) fingerprint() ([32]byte, error) {
	d := sha256.New()
	// The URL may have been rewritten on the way, and the target is what was sent.
	digest(d, "reprise request 1", ex.r.Method, ex.r.RequestURI, ex.r.URL.RequestURI(),
		strings.Join(ex.r.Header.Values("Content-Type"), "\n"))
	if ex.body != nil {
		_, err := io.Copy(d, &bodyReader{c: ex.body})
		if failure := ex.body.failure(); failure != nil {
			return [32]byte{}, failure
		}
		if err != nil {
			return [32]byte{}, err
		}
	}
	return [32]byte(d.Sum(nil)), nil
}

// digest adds texts to d so that it is known where each ends.
func digest(d hash.Hash, texts ...string) {
	for _, text := range texts {
		_, _ = d.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text)))) // it cannot fail
		_, _ = io.WriteString(d, text)
	}
}

// keepAnswer returns the answer of the attempt that is about to be committed.
func (ex *exchange) keepAnswer() (txctx.Answer, error) {
	expires := ex.keyed.expires.UTC().Format(http.TimeFormat)
	return ex.resp.keep(ex.h.cfg.Keys.MaxAnswer, expires)
}

// laneOfKeyed asks for the lane of an attempt that begins before its handler runs: of
// the request as it arrived.
func (ex *exchange) laneOfKeyed() string {
	ex.discard()
	ex.req = new(attemptRequest)
	ex.req.begin(ex.r.Context(), ex.orig, ex.body)
	return ex.h.cfg.Lane(ex.req.Request)
}
