package mysqlproxy

import (
	"fmt"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// Message is a message of a type: a command up, a kind down. Data up is all that
// is no command.
func Message(dir faultproxy.Dir, typ byte) faultproxy.Trigger {
	name := fmt.Sprintf("command %#02x up", typ)
	if dir == faultproxy.Down {
		name = kinds[typ] + " down"
	}
	return faultproxy.When(dir, name, func(m *faultproxy.Message) bool { return m.Type == typ })
}

// Reply is the message that completes the reply to a COM_QUERY whose SQL contains
// text, as [faultproxy.SQL] has it: an OK, ERR or EOF. The server has done what it
// reports.
func Reply(text string) faultproxy.Trigger {
	mentions := faultproxy.Mentions(text)
	return faultproxy.When(faultproxy.Down, fmt.Sprintf("reply to %q", text), func(m *faultproxy.Message) bool {
		return m.Tag != "" && mentions(m.Tag)
	})
}
