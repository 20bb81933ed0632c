package torture

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Answer is what a client got.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Problem returns the fragment of the problem's type, "" if the answer is none.
func (a Answer) Problem() string {
	var p struct{ Type string }
	if a.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.Body, &p) != nil {
		return ""
	}
	_, fragment, _ := strings.Cut(p.Type, "#")
	return fragment
}

// Unknown reports whether the answer says that nobody can say.
func (a Answer) Unknown() bool { return a.Problem() == "outcome-unknown" }

// Done returns what the handler answered; false: it did not.
func (a Answer) Done() (d Done, ok bool) {
	err := json.Unmarshal(a.Body, &d)
	return d, err == nil && d.Attempt > 0
}
