package main

import (
	"context"
	"errors"
	"net/http"
	"regexp"

	"github.com/go-chi/chi/v5"
)

// account is a purse with a name.
type account struct {
	Name    string `json:"name"`
	Balance int64  `json:"balance"` // cents
}

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// getAccount answers GET /accounts/{name}.
func (s *server) getAccount(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "name")
	balance, err := balanceOf(r.Context(), name)
	if errors.Is(err, errNoAccount) {
		return refuse(http.StatusNotFound, "there is no account %q", name)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, account{name, balance})
}

// transfer answers POST /transfers.
//
// Two transfers in opposite directions may well lock each other out. The database
// breaks the tie, and the one that lost is replayed.
func (s *server) transfer(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		From   string `json:"from"`
		To     string `json:"to"`
		Amount int64  `json:"amount"` // cents
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Amount <= 0 {
		return refuse(http.StatusUnprocessableEntity, "amount: must be positive")
	}
	if in.From == in.To {
		return refuse(http.StatusUnprocessableEntity, "to: is the same account as from")
	}
	if err := pay(r.Context(), in.From, in.Amount); err != nil {
		return err
	}
	if err := credit(r.Context(), in.To, in.Amount); err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, in)
}

var errNoAccount = errors.New("no such account")

// balanceOf returns what is in the account, or errNoAccount.
func balanceOf(ctx context.Context, name string) (balance int64, err error) {
	if !accountName.MatchString(name) {
		return 0, errNoAccount
	}
	err = tx(ctx).queryRow(ctx, `select balance from accounts where name=?`, name).Scan(&balance)
	if errors.Is(err, errNoRow) {
		err = errNoAccount
	}
	return balance, err
}

// pay takes the amount out of the account, and refuses if it is not in there.
func pay(ctx context.Context, name string, amount int64) error {
	balance, err := balanceOf(ctx, name)
	switch {
	case errors.Is(err, errNoAccount):
		return unknownAccount(name)
	case err != nil:
		return err
	case balance < amount:
		return refuse(http.StatusPaymentRequired, "there is not enough money in %q", name)
	}
	_, err = tx(ctx).exec(ctx, `update accounts set balance=balance-? where name=?`, amount, name)
	return err
}

// credit puts the amount into the account.
func credit(ctx context.Context, name string, amount int64) error {
	if !accountName.MatchString(name) {
		return unknownAccount(name)
	}
	found, err := tx(ctx).exec(ctx, `update accounts set balance=balance+? where name=?`, amount, name)
	if err == nil && found == 0 {
		err = unknownAccount(name)
	}
	return err
}

func unknownAccount(name string) error {
	return refuse(http.StatusUnprocessableEntity, "there is no account %q", name)
}
