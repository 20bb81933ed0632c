package sqliteadapter

import (
	"database/sql/driver"
	"time"
)

// NewImpatient is New with another patience.
func NewImpatient(c driver.Connector, patience time.Duration) *DB {
	return newDB(c, Config{}, patience)
}
