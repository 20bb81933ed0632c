package faultproxy

import "io"

// Protocol is what a [Proxy] has to know about what it carries.
type Protocol struct {
	// Open begins to follow a connection that a client has made.
	Open func() Conn

	// Outcomes are the messages that decide about a transaction, and Messages
	// others worth a fault. Random rules strike at both, equally often.
	Outcomes, Messages []Trigger
}

// Conn follows one connection. Start comes first. Of the other methods, a
// goroutine calls those about messages up and another those about messages down,
// at the same time.
type Conn interface {
	// Start does what is to be done before the server is dialled: nothing, where
	// it speaks first. next returns the client's next message, which out answers.
	// first is the message that goes on to the server.
	//
	// cancel is true where first does not begin a session but asks to cancel what
	// another one does. An error ends the connection.
	Start(next func() ([]byte, error), out io.Writer) (first []byte, cancel bool, err error)

	// Need returns how long the next message is, of which have has been read, as
	// far as can be told from that. It is complete when that is len(have). An error
	// ends the connection: this is not the protocol.
	Need(dir Dir, have []byte) (int, error)

	// Read describes a message, in the order they come in. It may change raw, but
	// not its length.
	Read(dir Dir, raw []byte) Message

	// Sent is called with messages up, once they have been read, unless a rule
	// drops or truncates them: the server is going to answer them.
	Sent(m Message)
}

// Message is what there is to know about a message.
type Message struct {
	Type byte // as the protocol numbers them, for [Proxy.Count]

	// Of messages up:
	SQL    string // the text it carries,
	HasSQL bool   // if it does
	Waits  bool   // the client waits for the server now
	Asks   bool   // it has a reply of its own, which a message with Ends completes

	// Of messages down:
	//
	// Ends says that it completes a reply. The first to do so completes the
	// start-up phase.
	Ends bool
	// Tag says what has been done, as the protocol's own triggers understand it.
	// none
	Tag string

	raw []byte
}
