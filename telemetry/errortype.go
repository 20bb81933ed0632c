package telemetry

import (
	"errors"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/reprise-go/reprise/retryable"
)

// appendError appends what kind of error it was: the database's own code where it has
// one, else the reason, else the type.
func (t *Telemetry) appendError(attrs []attribute.KeyValue, err error, reason retryable.Reason) []attribute.KeyValue {
	if code := t.codeOf(err); code != "" {
		return append(attrs, semconv.DBResponseStatusCode(code), semconv.ErrorTypeKey.String(code))
	}
	if reason != retryable.None {
		return append(attrs, semconv.ErrorTypeKey.String(reason.String()))
	}
	return append(attrs, semconv.ErrorType(err))
}

// codeOf returns the code that the database gave an error, "" where there is none.
// Drivers are known by their methods; that of MySQL has none for it.
func (t *Telemetry) codeOf(err error) string {
	if pg, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return pg.SQLState()
	}
	if !t.sqlite { // others have a Code, too
		return ""
	}
	if lite, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		return strconv.Itoa(lite.Code())
	}
	return ""
}
