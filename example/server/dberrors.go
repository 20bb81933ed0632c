package main

import (
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// isDuplicate reports whether the database refused a row because a unique
// constraint forbids a second one like it.
func isDuplicate(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505"
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == 1062
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == 2067 || e.Code() == 1555 // of a primary key
	}
	return false
}

// refusalText returns what the database itself had to say, "" if err is not from
// there.
func refusalText(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.Code)
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return fmt.Sprintf("%s (error %d)", e.Message, e.Number)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Error() // ends with the code
	}
	return ""
}
