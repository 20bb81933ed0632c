package pgproxy

import (
	"fmt"
	"strings"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// Message is a message of a type: 'Q', 'P', 'B', 'E', 'S' and so on up, 'C', 'Z',
// 'D', 'E' and so on down. Type 0 up is the startup packet, with FromStart.
func Message(dir Dir, typ byte) Trigger {
	return faultproxy.When(dir, fmt.Sprintf("%q %s", typ, dir), func(m *faultproxy.Message) bool { return m.Type == typ })
}

// Tag is a CommandComplete message whose tag is tag, or begins with it and a
// space: COMMIT, ROLLBACK, INSERT. The server has done what it reports.
func Tag(tag string) Trigger {
	return faultproxy.When(Down, fmt.Sprintf("tag %q", tag), func(m *faultproxy.Message) bool {
		return m.Type == 'C' && (m.Tag == tag || strings.HasPrefix(m.Tag, tag+" "))
	})
}
