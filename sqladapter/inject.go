package sqladapter

import "context"

// inject tells the tests about a statement of the handler, and answers what they have
// planned for it as if the driver had. It does so once, also where the driver leaves a
// statement to be prepared, so that it comes twice.
func (w *work) inject(ctx context.Context, query string) error {
	if query == "" || w.skipped.CompareAndSwap(true, false) {
		return nil
	}
	err := w.c.Statement(query)
	if err == nil {
		return nil
	}
	w.underWay.Add(1)
	return w.leave(ctx, query, err)
}
