package sqliteadapter

import (
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/sqladapter"
)

// Result codes of a key that is there already.
const (
	codeConstraintPrimaryKey = 1555
	codeConstraintUnique     = 2067
)

// ledgerOf returns c for the adapter beneath.
func ledgerOf(c ledger.Config) sqladapter.Ledger {
	if !c.On() {
		return sqladapter.Ledger{}
	}
	return sqladapter.Ledger{
		Book:      c.Book("sqlite"),
		Duplicate: duplicate,
		Hurry:     "pragma busy_timeout = 1000",
	}
}

func duplicate(err error) bool {
	code, _ := codeOf(err)
	return code == codeConstraintPrimaryKey || code == codeConstraintUnique
}
