package mysqladapter

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"strconv"
)

// ask returns the one row that a query without arguments answers, as text. It reads the
// result to its end: what is left would be read by Rows.Close, which does not watch ctx.
func ask(ctx context.Context, c raw, query string) (row []string, err error) {
	rows, err := c.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	dest := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(dest); err {
		case nil:
			row = make([]string, len(dest)) // dest is the driver's until the next read
			for i, v := range dest {
				row[i] = text(v)
			}
		case io.EOF: //nolint:errorlint // driver's contract
			if row == nil {
				err = fmt.Errorf("mysqladapter: no answer to %q", query)
				return nil, err
			}
			return row, nil
		default:
			return nil, err
		}
	}
}

// identity asks for the id of a connection and the version of its server.
func identity(ctx context.Context, c raw) (id, version string, err error) {
	row, err := ask(ctx, c, "select connection_id(), version()")
	if err != nil {
		return "", "", err
	}
	if _, err := strconv.ParseUint(row[0], 10, 64); err != nil {
		return "", "", fmt.Errorf("mysqladapter: the server's connection_id() is %q", row[0])
	}
	return row[0], row[1], nil
}

// text returns a value of the text protocol, which the driver may have parsed; "" for
// NULL.
func text(v driver.Value) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case []byte:
		return string(v)
	case string:
		return v
	}
	return ""
}
