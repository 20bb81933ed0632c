package mysqladapter

import "github.com/reprise-go/reprise/retryable"

// textRule gives an error a verdict by a fragment of its text, in lower case, and
// where that is not enough by one of the server's version, as it is written there.
type textRule struct {
	fragment string
	verdict  verdict
	flavour  string
}

// foldedRule is a textRule, ready to be looked for.
type foldedRule struct {
	fragment []byte
	verdict  verdict
	flavour  string
}

func fold(rules []textRule) (folded []foldedRule) {
	for _, r := range rules {
		folded = append(folded, foldedRule{[]byte(r.fragment), r.verdict, r.flavour})
	}
	return folded
}

var (
	rules = func() map[uint16][]foldedRule {
		m := make(map[uint16][]foldedRule, len(byText))
		for number, texts := range byText {
			m[number] = fold(texts)
		}
		return m
	}()
	unknownRules = fold(vitess)
	tidbRule     = []byte(tidbMark)
)

// tidbMark stands at the end of what TiDB deems safe to replay, whatever its number.
const tidbMark = "try again later"

// byText holds the numbers that mean different things; the first rule that matches
// counts. What none matches goes by its number.
var byText = map[uint16][]textRule{
	// Galera's certification, which the number calls a deadlock
	1213: {{fragment: "wsrep", verdict: verdict{reason: retryable.Serialization, definite: true}}},
	// also "Unknown command"; refused unexecuted, and so is ROLLBACK
	1047: {{fragment: "wsrep", verdict: verdict{reason: retryable.Failover, definite: true, drop: true}}},
	// also --secure-file-priv, --skip-grant-tables
	1290: {
		{fragment: "read-only", verdict: verdict{reason: retryable.Failover, definite: true}},
		{fragment: "read_only", verdict: verdict{reason: retryable.Failover, definite: true}},
	},
	1180: {{fragment: "error 149", verdict: verdict{reason: retryable.Serialization, definite: true}}},
	1181: {{fragment: "error 149", verdict: verdict{reason: retryable.Serialization, drop: true}}},
	1030: {{fragment: "error 28", verdict: verdict{reason: retryable.Overloaded}}}, // disk full
	// also limits by the hour, which refuse even COMMIT: the transaction stays open
	1226: {
		{fragment: "max_user_connections", verdict: verdict{reason: retryable.Overloaded}},
		{fragment: "", verdict: verdict{definite: true, drop: true}},
	},
	1927: {{fragment: "maxscale", verdict: verdict{reason: retryable.Failover}}},
	// another error on MariaDB; the server had hung up before COMMIT arrived
	4031: {{fragment: "inactivity", verdict: verdict{reason: retryable.Disconnected, definite: true}}},
	// ProxySQL 9001 and 9006, else TiDB's
	9001: {
		{fragment: "max connect timeout", verdict: verdict{reason: retryable.Failover, definite: true}},
		{fragment: "", verdict: verdict{reason: retryable.Overloaded, definite: true}},
	},
	9006: {
		{fragment: "proxysql", verdict: verdict{}},
		{fragment: "gc life time", verdict: verdict{reason: retryable.Serialization, definite: true}},
		{fragment: "", flavour: "TiDB", verdict: verdict{reason: retryable.Serialization, definite: true}},
	},
	// KILL QUERY, or a transaction that Vitess has lost
	1317: lostTransaction,
}

var lostTransaction = []textRule{
	{fragment: "exceeded timeout", verdict: verdict{}}, // a limit on work
	{fragment: "code = aborted", verdict: verdict{reason: retryable.Failover}},
}

// vitess holds what stands under number 1105, of Vitess and, at the end, of TiDB.
var vitess = append(lostTransaction[:len(lostTransaction):len(lostTransaction)], []textRule{
	{fragment: "vttablet: rpc error: code = unavailable", verdict: verdict{reason: retryable.Failover}},
	{fragment: "resharded", verdict: verdict{reason: retryable.Failover}},
	{fragment: "reparent", verdict: verdict{reason: retryable.Failover}},
	{fragment: "no healthy tablet", verdict: verdict{reason: retryable.Failover}},
	{fragment: "no available tablet", verdict: verdict{reason: retryable.Failover}},
	{fragment: "inconsistent state detected", verdict: verdict{reason: retryable.Failover}},
	{fragment: "is not serving", verdict: verdict{reason: retryable.Failover}},
	{fragment: "not_serving", verdict: verdict{reason: retryable.Failover}},
	{fragment: "wrong tablet type", verdict: verdict{reason: retryable.Failover}},
	{fragment: "invalid tablet type", verdict: verdict{reason: retryable.Failover}},
	{fragment: "connection closed", verdict: verdict{reason: retryable.Failover}},
	{fragment: "code = resourceexhausted", verdict: verdict{reason: retryable.Overloaded}},
	{fragment: "pool connection limit exceeded", verdict: verdict{reason: retryable.Overloaded}},
	{fragment: "transaction throttled", verdict: verdict{reason: retryable.Overloaded}},
	{fragment: tidbMark, verdict: verdict{reason: retryable.Serialization, definite: true}},
	{fragment: "code = unavailable", verdict: verdict{reason: retryable.Overloaded}},
	{fragment: "connection refused", verdict: verdict{reason: retryable.Overloaded}},
}...)
