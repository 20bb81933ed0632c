package outbox

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

// Post returns what delivers messages by POST, with the id as Idempotency-Key. A delivery
// that takes longer than the timeout, or is answered with anything but 2xx, is refused.
func Post(client *http.Client, timeout time.Duration) func(context.Context, Message) error {
	return func(ctx context.Context, m Message) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", `"`+m.ID+`"`)
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode/100 != 2 {
			return fmt.Errorf("%s answered %s", req.URL.Redacted(), res.Status)
		}
		return nil
	}
}
