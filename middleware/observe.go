package middleware

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// observer is Config.Observe, told what only the exchange knows.
func (ex *exchange) observer() func(context.Context, txctx.Event) {
	if ex.h.cfg.Observe == nil {
		return nil
	}
	return ex.observe
}

func (ex *exchange) observe(ctx context.Context, ev txctx.Event) {
	if ev.Kind == txctx.RequestFinished {
		ev.Held = ex.held()
		if !ev.Protected && ex.body.failure() != nil {
			ev.Gap = txctx.GapBody
		}
	}
	ex.h.cfg.Observe(ctx, ev)
}

// held is how many bytes are kept, of the body and of the last attempt's response.
func (ex *exchange) held() (n int64) {
	if ex.body != nil {
		n = ex.body.kept.Load()
	}
	if ex.resp != nil {
		n += ex.resp.held()
	}
	return n
}

func (w *response) held() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.body.Len()
}

// log writes the one line about a request that failed or was replayed: what the client
// must not see is here.
func (ex *exchange) log(err error) {
	if err == nil && ex.replay == nil {
		return
	}
	attrs := []any{"method", ex.r.Method, "path", ex.r.URL.Path}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	if unknown, ok := errors.AsType[*txctx.OutcomeUnknownError](err); ok {
		attrs = append(attrs, "run", unknown.Run.String())
	}
	if exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); ok {
		attrs = append(attrs, "attempts", exhausted.Attempts, "causes", texts(exhausted.Errs))
	} else if ex.replay != nil {
		attrs = append(attrs, "attempts", ex.replay.Number, "causes", texts(ex.replay.Errs))
	}
	text := "reprise: request failed"
	if err == nil {
		text = "reprise: request replayed"
	}
	ex.h.cfg.logger().Log(ex.r.Context(), ex.level(err), text, attrs...)
}

func (ex *exchange) level(err error) slog.Level {
	if err == nil {
		return slog.LevelInfo
	}
	switch status := Status(ex.r, err); {
	case status == statusClientGone:
		return slog.LevelDebug
	case status < 500:
		return slog.LevelInfo
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	}
	return slog.LevelError
}

func texts(errs []error) []string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return texts
}
