package ledger_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/ledger"
)

func TestKeyStatements(t *testing.T) {
	run := [16]byte{15: 0xff}
	key, mark := [32]byte{31: 1}, [32]byte{31: 2}
	zeros := strings.Repeat("0", 62)
	a := ledger.Answer{Status: 201, Header: map[string][]string{"A": {"b"}}, Body: []byte("'")}
	header := hex.EncodeToString([]byte(`{"A":["b"]}`))
	c := ledger.Config{Table: "l"}
	for engine, want := range map[string][3]string{
		"postgres": {
			"insert into l (run, attempt, key_hash, fingerprint) values ('000000000000000000000000000000ff'::uuid, 2, " +
				"decode('" + zeros + "01', 'hex'), decode('" + zeros + "02', 'hex'))",
			"update l set status = 201, header = convert_from(decode('" + header + "', 'hex'), 'UTF8'), body = decode('27', 'hex') " +
				"where run = '000000000000000000000000000000ff'::uuid and attempt = 2",
			"select encode(fingerprint, 'hex'), status, header, encode(body, 'hex') from l where key_hash = decode('" + zeros + "01', 'hex')",
		},
		"mysql": {
			"insert into l (run, attempt, key_hash, fingerprint) values (x'000000000000000000000000000000ff', 2, x'" + zeros + "01', x'" + zeros + "02')",
			"update l set status = 201, header = x'" + header + "', body = x'27' where run = x'000000000000000000000000000000ff' and attempt = 2",
			"select fingerprint, status, header, body from l where key_hash = x'" + zeros + "01'",
		},
		"sqlite": {
			"insert into l (run, attempt, key_hash, fingerprint) values (x'000000000000000000000000000000ff', 2, x'" + zeros + "01', x'" + zeros + "02')",
			"update l set status = 201, header = cast(x'" + header + "' as text), body = x'27' where run = x'000000000000000000000000000000ff' and attempt = 2",
			"select fingerprint, status, header, body from l where key_hash = x'" + zeros + "01'",
		},
	} {
		b := c.Book(engine)
		got := [3]string{b.Claim(run, 2, key, mark), b.Keep(run, 2, a), b.Find(key)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", engine, diff)
		}
	}
	if got := c.Book("mysql").Retention(); got != 24*time.Hour {
		t.Errorf("Retention %v", got)
	}
}

// kept returns the header as Keep writes it.
func kept(t *testing.T, h map[string][]string) []byte {
	t.Helper()
	_, rest, _ := strings.Cut(ledger.Config{Table: "l"}.Book("mysql").Keep([16]byte{}, 1, ledger.Answer{Header: h}), "header = x'")
	digits, _, _ := strings.Cut(rest, "'")
	text, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestHeader: what can be read is kept as it is, and all bytes come back.
//
// Mutation seen to fail it: give the values to encoding/json as they are.
func TestHeader(t *testing.T) {
	if got := string(kept(t, map[string][]string{"Location": {"/a?b&<c>"}, "Vary": {"A", "B"}})); got != `{"Location":["/a?b&<c>"],"Vary":["A","B"]}` {
		t.Error(got)
	}
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	for _, h := range []map[string][]string{
		{},
		{"A": nil, "B": {}, "C": {""}, "D": {"x", "y"}},
		{"All": {string(all)}, string(all): {"ü", "\u2028", `<'"\>`}},
	} {
		text := kept(t, h)
		if i := bytes.IndexFunc(text, func(r rune) bool { return r < ' ' || r > 0x7f }); i >= 0 {
			t.Errorf("%q is no plain ASCII", text)
		}
		_, a, err := ledger.Config{Table: "l"}.Book("mysql").Read([][]byte{make([]byte, 32), []byte("1"), text, nil})
		if diff := cmp.Diff(h, a.Header); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	}
	_, a, err := ledger.Config{Table: "l"}.Book("mysql").Read([][]byte{make([]byte, 32), []byte("1"), kept(t, nil), nil})
	if len(a.Header) != 0 || err != nil {
		t.Errorf("%v, error %v", a.Header, err)
	}
}

func TestRead(t *testing.T) {
	mark := [32]byte{0: 0x27, 31: 0xff}
	raw, digits := mark[:], []byte(hex.EncodeToString(mark[:]))
	header := []byte(`{"A":["b"]}`)
	want := ledger.Answer{Status: 201, Header: map[string][]string{"A": {"b"}}, Body: []byte{0, 0xff}}
	for engine, row := range map[string][][]byte{
		"postgres": {digits, []byte("201"), header, []byte("00ff")},
		"mysql":    {raw, []byte("201"), header, {0, 0xff}},
		"sqlite":   {raw, []byte("201"), header, {0, 0xff}},
	} {
		fingerprint, a, err := ledger.Config{Table: "l"}.Book(engine).Read(row)
		if diff := cmp.Diff(want, a); diff != "" || fingerprint != mark || err != nil {
			t.Errorf("%s: fingerprint %x, error %v (-want +got):\n%s", engine, fingerprint, err, diff)
		}
	}
	for want, row := range map[string][][]byte{
		"3 columns":           {raw, nil, nil},
		"without an answer":   {raw, nil, nil, nil},
		"fingerprint of 31":   {raw[1:], []byte("1"), header, nil},
		"fingerprint of 33":   {append(raw, 1), []byte("1"), header, nil},
		"invalid syntax":      {raw, []byte("x"), header, nil},
		"unexpected end of":   {raw, []byte("1"), []byte("{"), nil},
		"cannot unmarshal":    {raw, []byte("1"), []byte("[]"), nil},
		"cannot be read: une": {raw, []byte("1"), nil, nil},
	} {
		if _, a, err := (ledger.Config{Table: "l"}).Book("mysql").Read(row); err == nil || !strings.Contains(err.Error(), want) || a.Status != 0 {
			t.Errorf("%v, %q expected: %v", a, want, err)
		}
	}
	_, _, err := ledger.Config{Table: "l"}.Book("postgres").Read([][]byte{digits, []byte("1"), header, []byte("xx")})
	if err == nil || !strings.Contains(err.Error(), "invalid byte") {
		t.Error(err)
	}
}
