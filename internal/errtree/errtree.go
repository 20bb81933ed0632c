// Package errtree looks for errors in the trees that errors.Join and %w make.
package errtree

// Strictest returns, of the errors of type E in err's tree, the one with the highest
// strictness, and of several such the first, as errors.As would meet them. It does not
// look below an E, and does not allocate.
func Strictest[E error](err error, strictness func(E) int) (found E, ok bool) {
	for err != nil {
		if e, is := err.(E); is { //nolint:errorlint // this is the walk through the tree
			return e, true
		}
		switch x := err.(type) { //nolint:errorlint // the same
		case interface{ Unwrap() error }:
			err = x.Unwrap()
		case interface{ Unwrap() []error }:
			for _, branch := range x.Unwrap() {
				e, is := Strictest(branch, strictness)
				if is && (!ok || strictness(e) > strictness(found)) {
					found, ok = e, true
				}
			}
			return found, ok
		default:
			return found, ok
		}
	}
	return found, ok
}
