package scenarios

import "flag"

// form returns the number of the short form, or of the long one with -torture.long.
func form(short, long int) int {
	if f := flag.Lookup("torture.long"); f != nil && f.Value.String() == "true" {
		return long
	}
	return short
}
