package accounts

import (
	"context"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
)

const table = "account"

var columns = []string{"id", "owner", "balance"}

// Accounts is a repository for inside of requests and outside. drv is a [Driver],
// or the transaction of one.
type Accounts struct{ drv dialect.Driver }

// New returns accounts that are kept with drv.
func New(drv dialect.Driver) Accounts { return Accounts{drv} }

// Balance does what a generated client.Account.Get does.
func (a Accounts) Balance(ctx context.Context, id int64) (int64, error) {
	query, args := entsql.Dialect(a.drv.Dialect()).
		Select("balance").From(entsql.Table(table)).Where(entsql.EQ("id", id)).Query()
	var rows entsql.Rows
	if err := a.drv.Query(ctx, query, args, &rows); err != nil {
		return 0, err
	}
	defer rows.Close()
	return entsql.ScanInt64(rows)
}

// Open does what a generated client.Account.Create().Exec does.
func (a Accounts) Open(ctx context.Context, owner string, balance int64) error {
	spec := sqlgraph.NewCreateSpec(table, sqlgraph.NewFieldSpec("id", field.TypeInt64))
	spec.SetField("owner", field.TypeString, owner)
	spec.SetField("balance", field.TypeInt64, balance)
	return sqlgraph.CreateNode(ctx, a.drv, spec)
}

// SetBalance does what a generated client.Account.UpdateOneID().Exec does.
func (a Accounts) SetBalance(ctx context.Context, id, balance int64) error {
	spec := sqlgraph.NewUpdateSpec(table, columns, sqlgraph.NewFieldSpec("id", field.TypeInt64))
	spec.Node.ID.Value = id
	spec.SetField("balance", field.TypeInt64, balance)
	spec.ScanValues = func([]string) ([]any, error) { return []any{new(int64), new(string), new(int64)}, nil }
	spec.Assign = func([]string, []any) error { return nil }
	return sqlgraph.UpdateNode(ctx, a.drv, spec)
}
