package mysqlproxy

// Types of messages up.
const (
	Data                byte = 0x00 // the login, its later steps, a file: no command
	ComQuit             byte = 0x01
	ComInitDB           byte = 0x02
	ComQuery            byte = 0x03
	ComFieldList        byte = 0x04
	ComStatistics       byte = 0x09
	ComPing             byte = 0x0e
	ComChangeUser       byte = 0x11
	ComStmtPrepare      byte = 0x16
	ComStmtExecute      byte = 0x17
	ComStmtSendLongData byte = 0x18
	ComStmtClose        byte = 0x19
	ComStmtReset        byte = 0x1a
	ComSetOption        byte = 0x1b
	ComStmtFetch        byte = 0x1c
	ComResetConnection  byte = 0x1f
)

// Types of messages down. They are told apart by their place as much as by their
// first byte, which is that of OK in a row too.
const (
	Handshake byte = iota // the server's greeting
	Auth                  // a step of the authentication
	OK                    // with first byte 0x00
	ERR
	EOF      // the end of columns or rows, be it an EOF or an OK with first byte 0xfe
	Columns  // their number; it begins a result set
	Column   // the definition of one, or of a parameter
	Row      // text or binary
	Prepared // the first of the reply to ComStmtPrepare
	Infile   // a request for a file
	Progress // a report of MariaDB's while the reply is not ready
	Text     // the reply to ComStatistics, or what is not understood
)

var kinds = [...]string{
	Handshake: "handshake", Auth: "auth", OK: "OK", ERR: "ERR", EOF: "EOF", Columns: "columns", Column: "column",
	Row: "row", Prepared: "prepared", Infile: "infile", Progress: "progress", Text: "text",
}
