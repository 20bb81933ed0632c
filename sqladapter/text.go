package sqladapter

import "github.com/reprise-go/reprise/internal/sqltext"

// text is what the text of a statement says.
type text struct {
	verb      sqltext.Verb
	savepoint string
	reads     bool   // it plainly writes nothing
	fence     string // why it forbids replays, "" if it does not
}

// read reads a text.
func (c *Config) read(sql string) (t text) {
	t.verb, t.savepoint = sqltext.Parse(sql)
	t.reads = sqltext.Reads(sql)
	if c.Fence != nil {
		t.fence = c.Fence(sql)
	}
	return t
}
