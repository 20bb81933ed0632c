package mysqlproxy

// first returns the kind of a message by its first byte, where that tells it.
func first(p []byte) byte {
	if len(p) == 0 {
		return Text
	}
	switch p[0] {
	case 0x00:
		return OK
	case 0xfb:
		return Infile
	case 0xfe:
		return EOF
	case 0xff:
		return ERR
	}
	return Text
}

func isErr(p []byte) bool { return first(p) == ERR }

// status returns the status flags of an OK or EOF.
func status(p []byte) int {
	if len(p) == 5 && first(p) == EOF {
		return uint16At(p, 3) // after the number of warnings
	}
	_, rest := lenenc(p[min(1, len(p)):]) // rows affected
	_, rest = lenenc(rest)                // last id inserted
	return uint16At(rest, 0)
}
