package scenarios

import (
	"strings"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/torture"
)

// commit is the message with COMMIT, and confirmed the server's answer. An isolation level
// is no COMMIT, whatever is in its name, and neither is autocommit.
func commit() faultproxy.Trigger { return faultproxy.SQLFunc(commits) }

func confirmed(e torture.Engine) faultproxy.Trigger {
	if e == torture.Postgres {
		return pgproxy.Tag("COMMIT")
	}
	return faultproxy.When(faultproxy.Down, "COMMIT is done", func(m *faultproxy.Message) bool { return commits(m.Tag) })
}

func commits(sql string) bool {
	sql = strings.ToLower(sql)
	return sql == "commit" || strings.HasSuffix(sql, "; commit")
}

// onCommit arms a rule for the message with COMMIT.
func (s *stage) onCommit(r faultproxy.Rule) *faultproxy.Hit {
	r.When = commit()
	return s.bed.Proxy.Add(r)
}
