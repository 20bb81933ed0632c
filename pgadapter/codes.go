package pgadapter

import "github.com/reprise-go/reprise/retryable"

// byCode holds the SQLSTATEs whose meaning needs no second look (PostgreSQL docs,
// appendix A, and those of its relatives). Classes are not enough: nearly every one
// has members of both kinds.
var byCode = map[string]retryable.Reason{
	"40000": retryable.Serialization,
	"40001": retryable.Serialization,
	"CR000": retryable.Serialization, // CockroachDB before 2.0
	"40P01": retryable.Deadlock,
	"55P03": retryable.LockTimeout,
	"40002": retryable.None,
	"40003": retryable.CommitUnknown,
	"08007": retryable.CommitUnknown,
	"72000": retryable.Serialization, // snapshot too old: the next one is new

	// A conflict with somebody's DDL, or with a pooler that swapped the server
	// beneath prepared statements. A new connection has none of the old ones.
	"26000": retryable.Serialization,
	"42P05": retryable.None, // a pooler configured badly

	"53000": retryable.Overloaded,
	"53100": retryable.Overloaded,
	"53200": retryable.Overloaded,
	"53300": retryable.Overloaded,
	"53400": retryable.None, // a limit of the user's own
	"58000": retryable.Overloaded,
	"58030": retryable.Overloaded, // bad storage: give a failover the time
	"58C01": retryable.Failover,   // CockroachDB, between its nodes

	"57000": retryable.Disconnected, // Pgpool-II
	"57P01": retryable.Failover,
	"57P02": retryable.Failover,
	"57P03": retryable.Failover,
	"57P05": retryable.Disconnected, // cannot strike inside a transaction
	"25P03": retryable.Disconnected, // nothing ran; the stall may have been ours
	"08S01": retryable.Disconnected, // Pgpool-II

	"28000": retryable.None, // a replay would lock accounts
	"28P01": retryable.None,
	"3D000": retryable.None,
	"57P04": retryable.None, // the database was dropped
	"25P04": retryable.None, // a limit on work, which a replay would meet again
	"57014": retryable.None, // the same, or somebody's wish
	"XXA00": retryable.None, // CockroachDB: committed, and then a schema change failed
}

// refused are the classes of a FATAL while connecting that a new try would meet again:
// rights, names, settings.
var refused = map[string]bool{
	"0A": true, "22": true, "28": true, "3D": true, "42": true, "55": true, "F0": true,
}

// dropped are the ERRORs after which a connection must not be used again.
var dropped = map[string]bool{
	"26000": true, "42P05": true, // about statements prepared on it
	"XX001": true, "XX002": true, // damaged data: let another server answer
}

// textRule gives an error a reason by a fragment of its text, in lower case.
type textRule struct {
	fragment string
	reason   retryable.Reason
}

// rules are those of byText, ready to be looked for.
var rules = func() map[string][]foldedRule {
	m := make(map[string][]foldedRule, len(byText))
	for code, texts := range byText {
		for _, t := range texts {
			m[code] = append(m[code], foldedRule{[]byte(t.fragment), t.reason})
		}
	}
	return m
}()

type foldedRule struct {
	fragment []byte
	reason   retryable.Reason
}

// byText holds the codes whose text decides; the first that matches counts. What none
// matches goes by its code and severity.
var byText = map[string][]textRule{
	"0A000": {
		{"cached plan must not change result type", retryable.Serialization},
		{"during recovery", retryable.Failover},
		{"hot standby", retryable.Failover}, // SERIALIZABLE
	},
	"25006": {{"during recovery", retryable.Failover}},
	"55000": {{"recovery is in progress", retryable.Failover}},
	"55006": {{"being accessed by other users", retryable.LockTimeout}},
	"57000": {{"online recovery", retryable.Failover}},
	"08000": {{"timed-out waiting to acquire", retryable.Overloaded}}, // RDS Proxy
	"08S01": {{"not accepting any new connections", retryable.Failover}},
	"XX000": {
		{"tuple concurrently", retryable.Serialization},
		{"during recovery", retryable.Failover},
		// Pgpool-II
		{"authentication failed", retryable.None},
		{"kind mismatch among backends", retryable.None}, // replicas disagree
		{"backend nodes are down", retryable.Failover},
		{"connection to postmaster", retryable.Failover},
		{"backend socket", retryable.Failover},
		{"failed to read kind from backend", retryable.Failover},
		// YugabyteDB before it had codes of its own for these
		{"restart read required", retryable.Serialization},
		{"transaction aborted", retryable.Serialization},
		{"transaction expired", retryable.Serialization},
		{"expired or aborted", retryable.Serialization},
		{"unknown transaction", retryable.Serialization},
		{"catalog version mismatch", retryable.Serialization},
		{"timed out: ", retryable.Overloaded},
	},
	// PgBouncer has one code for everything. It also passes on what it was told when
	// it logged in, and what is wrong with a password stays wrong.
	"08P01": {
		{"authentication failed", retryable.None},
		{"login rejected", retryable.None},
		{"does not exist", retryable.None},
		{"no such database", retryable.None},
		{"config error", retryable.None},
		{"unsupported startup parameter", retryable.None},
		{"ssl required", retryable.None},
		{"is already in use", retryable.None}, // a prepared statement's name
		{"prepared statement did not exist", retryable.Serialization},
		{"query_wait_timeout", retryable.Overloaded},
		{"no more connections allowed", retryable.Overloaded},
		{"connections exceeded", retryable.Overloaded},
		{"resources exhaustion", retryable.Overloaded},
		{"out of memory", retryable.Overloaded},
		{"no memory", retryable.Overloaded},
		{"server login has been failing", retryable.Failover},
		{"server_login_retry", retryable.Failover},
		{"client_login_timeout", retryable.Failover},
		{"the database system is", retryable.Failover},
		{"shutting down", retryable.Failover},
		{"cannot connect", retryable.Failover},
		{"connect timeout", retryable.Failover},
		{"server_connect_timeout", retryable.Failover},
	},
}
