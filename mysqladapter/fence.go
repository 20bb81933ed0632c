package mysqladapter

import "github.com/reprise-go/reprise/internal/sqltext"

// implicitCommits are the first words of statements that commit the transaction
// they are in (MySQL 8.4 manual, section 15.3.3; MariaDB, "SQL statements that cause
// an implicit commit").
var implicitCommits = map[string]bool{
	"alter": true, "analyze": true, "cache": true, "change": true, "check": true, "create": true,
	"drop": true, "flush": true, "grant": true, "install": true, "lock": true, "optimize": true,
	"rename": true, "repair": true, "reset": true, "revoke": true, "stop": true,
	"truncate": true, "uninstall": true, "unlock": true,
}

// fence says why a statement forbids replays, "" if it does not. The driver hides
// the server's own word about the transaction, so the first word must do.
func fence(query string) string {
	first, second := sqltext.Words(query)
	switch {
	case first == "call":
		return "CALL: a procedure may commit"
	case (first == "create" || first == "drop") && second == "temporary":
		return ""
	case implicitCommits[first]:
		return first + " commits implicitly"
	}
	return ""
}
