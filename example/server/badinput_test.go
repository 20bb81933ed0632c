package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestBadInput sends what no client should. Each answer rolls back, so the books
// still balance after all of it.
func TestBadInput(t *testing.T) { onEngines(t, testBadInput) }

func testBadInput(t *testing.T, e engine) {
	s := e.start(t, options{maxRetries: 5})
	s.want(http.StatusCreated, "POST", "/shows/1/bookings", `{"customer":"ada","seat":1}`)
	money := s.money()

	const bookings = "/shows/1/bookings"
	for _, test := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"no route", "GET", "/", "", 404},
		{"id is no number", "GET", "/shows/first", "", 404},
		{"id is zero", "GET", "/shows/0", "", 404},
		{"id is negative", "GET", "/shows/-1", "", 404},
		{"id is too large", "GET", "/shows/99999999999999999999", "", 404},
		{"id with NUL", "GET", "/shows/1%00", "", 404},
		{"no such show", "GET", "/shows/999", "", 404},
		{"no such booking", "GET", "/bookings/999", "", 404},
		{"refund of no booking", "DELETE", "/bookings/999", "", 404},
		{"refund of no number", "DELETE", "/bookings/x", "", 404},
		{"no such account", "GET", "/accounts/nobody", "", 404},
		{"account with NUL", "GET", "/accounts/a%00", "", 404},
		{"account with slash", "GET", "/accounts/a%2Fb", "", 404},
		{"account that is no UTF-8", "GET", "/accounts/%ff", "", 404},

		{"no body", "POST", bookings, "", 400},
		{"half a body", "POST", bookings, `{"customer":`, 400},
		{"no object", "POST", bookings, `[]`, 400},
		{"wrong type", "POST", bookings, `{"customer":1}`, 400},
		{"seat is text", "POST", bookings, `{"customer":"ada","seat":"2"}`, 400},
		{"seat is a fraction", "POST", bookings, `{"customer":"ada","seat":1.5}`, 400},
		{"seat overflows", "POST", bookings, `{"customer":"ada","seat":1e30}`, 400},
		{"unknown field", "POST", bookings, `{"customer":"ada","row":1}`, 400},
		{"two objects", "POST", bookings, `{"customer":"ada"}{}`, 400},
		{"too much", "POST", bookings, `{"customer":"` + strings.Repeat("a", maxBody) + `"}`, 413},
		{"null", "POST", bookings, `null`, 422},
		{"no customer", "POST", bookings, `{}`, 422},
		{"unknown customer", "POST", bookings, `{"customer":"nobody"}`, 422},
		{"customer with NUL", "POST", bookings, `{"customer":"a\u0000"}`, 422},
		{"customer that is no UTF-8", "POST", bookings, "{\"customer\":\"\xff\"}", 422},
		{"seat beyond the last", "POST", bookings, `{"customer":"ada","seat":41}`, 422},
		{"seat beyond an integer of the database", "POST", bookings, `{"customer":"ada","seat":4294967297}`, 422},
		{"seat before the first", "POST", bookings, `{"customer":"ada","seat":-1}`, 422},
		{"booking of no show", "POST", "/shows/999/bookings", `{"customer":"ada"}`, 404},
		{"booking of no number", "POST", "/shows/x/bookings", `{"customer":"ada"}`, 404},
		{"taken", "POST", bookings, `{"customer":"ada","seat":1}`, 409},
		{"poor", "POST", bookings, `{"customer":"barbara"}`, 402},

		{"transfer of nothing", "POST", "/transfers", `{"from":"ada","to":"grace"}`, 422},
		{"transfer backwards", "POST", "/transfers", `{"from":"ada","to":"grace","amount":-1}`, 422},
		{"transfer to oneself", "POST", "/transfers", `{"from":"ada","to":"ada","amount":1}`, 422},
		{"transfer from nobody", "POST", "/transfers", `{"from":"nobody","to":"ada","amount":1}`, 422},
		{"transfer to nobody", "POST", "/transfers", `{"from":"ada","to":"nobody","amount":1}`, 422},
		{"transfer of too much", "POST", "/transfers", `{"from":"ada","to":"grace","amount":50000}`, 402},
		{"transfer of all there is", "POST", "/transfers", `{"from":"ada","to":"grace","amount":9223372036854775807}`, 402},
		{"transfer overflows", "POST", "/transfers", `{"from":"ada","to":"grace","amount":9223372036854775808}`, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := *s
			s.t = t
			a := s.want(test.status, test.method, test.path, test.body)
			if got := a.header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type is %q", got)
			}
			for _, leak := range []string{"SQLSTATE", "pgx", "ERROR", "Error 1", "mysql", "SQL logic", "constraint"} {
				if strings.Contains(a.body, leak) {
					t.Errorf("the answer shows the database: %s", a.body)
				}
			}
		})
	}
	s.checkBooks(money)
	if n := s.number(`select count(*) from bookings`); n != 1 {
		t.Errorf("%d bookings, want the first alone", n)
	}
}

func TestWrongMethod(t *testing.T) { onEngines(t, testWrongMethod) }

func testWrongMethod(t *testing.T, e engine) {
	s := e.start(t, options{})
	a := s.want(http.StatusMethodNotAllowed, "PUT", "/shows/1/bookings", "{}")
	if got := a.header.Get("Allow"); got != "POST" {
		t.Errorf("Allow is %q", got)
	}
}

func TestOtherSitesMayNotBook(t *testing.T) { onEngines(t, testOtherSitesMayNotBook) }

func testOtherSitesMayNotBook(t *testing.T, e engine) {
	s := e.start(t, options{})
	s.want(http.StatusForbidden, "POST", "/shows/1/bookings", `{"customer":"ada"}`, "Sec-Fetch-Site", "cross-site")
	s.want(http.StatusOK, "GET", "/shows", "", "Sec-Fetch-Site", "cross-site")
	if n := s.number(`select count(*) from bookings`); n != 0 {
		t.Errorf("%d bookings", n)
	}
}
