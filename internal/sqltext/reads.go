package sqltext

import "strings"

// Reads reports whether sql plainly writes nothing: where there is doubt, it does not
// say so. Views are not looked into, and a view may call a function that writes.
func Reads(sql string) bool {
	w := words{rest: strings.TrimLeft(sql, "( \t\r\n")}
	first := w.next()
	if !reading[first] {
		return false
	}
	return (first != "pragma" || !strings.ContainsAny(w.rest, "=(")) && !doubtful(first, sql)
}

// reading are the first words of statements that write nothing, if no later word says
// that they do.
var reading = set("select with values table explain describe desc show set use pragma savepoint release rollback")

// writing are words that make a statement write which begins like one that reads.
var writing = set("insert update delete replace merge into truncate call")

// harmless are what may stand before a parenthesis: words of the language, and functions
// that everybody uses. Any other may be a function of the user's, which may write.
var harmless = set(`
	all and any array as between by case cross distinct else except exists filter from group having in inner
	intersect is join left like limit lateral materialized natural not of offset on or order outer over partition
	recursive right rollup row rows select set sets some then union using values when where window with within
	bigint binary bit char character datetime decimal float int integer numeric time timestamp unsigned varchar
	varying
	abs age array_agg array_length avg bool_and bool_or cast ceil ceiling char_length clock_timestamp coalesce concat
	concat_ws connection_id convert count cume_dist current_database current_date current_setting current_timestamp
	curdate date date_add date_format date_part date_sub date_trunc datediff day dense_rank extract first_value floor
	format found_rows from_unixtime generate_series greatest group_concat hex hour if ifnull iif instr json_agg
	json_array json_build_array json_build_object json_extract json_object json_unquote jsonb_agg jsonb_build_array
	jsonb_build_object lag last_insert_id last_value lead least length lower lpad ltrim make_interval max md5 min
	minute mod month now nullif octet_length percentile_cont percentile_disc pg_backend_pid pg_current_snapshot
	pg_is_in_recovery pg_sleep pg_snapshot_xmax pg_typeof position power rank regexp_replace round row_number
	row_to_json rpad rtrim second split_part sqrt statement_timestamp strftime string_agg strpos substr substring sum
	timestampdiff to_char to_date to_json to_jsonb to_number to_timestamp total trim txid_current_snapshot
	txid_snapshot_xmax typeof unix_timestamp unnest
	upper uuid version year`)

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}

// doubtful looks at every word, those in strings and comments too: where they end
// depends on the database, and on its settings.
func doubtful(first, rest string) bool {
	before := "" // the word before, "" after anything else
	for rest != "" {
		n := 0
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		if n > 0 {
			word := strings.ToLower(rest[:n])
			locks := word == "update" && (before == "for" || before == "key") && first != "set"
			if writing[word] && !locks {
				return true
			}
			before, rest = word, rest[n:]
			continue
		}
		switch c := rest[0]; c {
		case ' ', '\t', '\r', '\n', '\f', '\v':
			rest = rest[1:]
			continue
		case '(':
			if before != "" && !harmless[before] {
				return true
			}
			before = ""
		case ';':
			w := words{rest: rest[1:]}
			if w.skip(); w.rest != "" {
				return true
			}
			return false
		case '"', '`', ']', '\'', '/': // may end a name, or a comment
			before = string(rune(c))
		default:
			before = ""
		}
		rest = rest[1:]
	}
	return false
}
