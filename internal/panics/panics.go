// Package panics makes an error of a panic that was caught, so that the fault of one call or goroutine does not end the
// process. It must never tell the panic's value, which may quote what the code was working on: a password, a token.
// Whoever starts a goroutine uses it; packages proxy and internal/app log and count what it caught.
package panics

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"docusign-auth-proxy/internal/call"
)

// Error is a panic that was caught.
type Error struct {
	what  string
	Stack string
}

// Error tells the text of a runtime error, which quotes no values, and only the type of anything else.
func (e *Error) Error() string { return "panic: " + e.what }

// Of makes an Error of what recover returned; it must be called while the goroutine unwinds, for the sake of the stack.
func Of(v any) *Error {
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	return Elsewhere(what, string(debug.Stack()))
}

// Elsewhere is a panic that other code has caught.
func Elsewhere(where, stack string) *Error { return &Error{what: where, Stack: stack} }

// OfServer finds a panic that net/http tells of in a message for its log; nil = it tells of none.
func OfServer(message []byte) *Error {
	if !bytes.Contains(message, []byte("panic serving ")) {
		return nil
	}
	stack := ""
	if i := bytes.LastIndex(message, []byte("\ngoroutine ")); i >= 0 {
		stack = string(message[i+1:])
	}
	return Elsewhere("in net/http", stack)
}

// Into is deferred: it catches a panic and puts it into err. http.ErrAbortHandler passes, for net/http needs it.
func Into(err *error) {
	v := recover()
	switch v {
	case nil:
	case http.ErrAbortHandler:
		panic(v)
	default:
		*err = Of(v)
	}
}

// In finds the panic in an error's chain; nil = it is none.
func In(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// Report logs a panic that was caught, without its value, and counts it.
func Report(log *slog.Logger, rs call.Recorders, where string, p *Error, args ...any) {
	log.Error("panic", append([]any{"where", where, "panic", p.Error(), "stack", p.Stack}, args...)...)
	call.Tell(rs, func(r interface{ RecordPanic(string) }) { r.RecordPanic(where) })
}

// Caught gives the panic in f; nil = there was none.
func Caught(f func()) *Error {
	return In(Try(func() error { f(); return nil }))
}

// Try makes an error of a panic in f.
func Try(f func() error) (err error) {
	defer Into(&err)
	return f()
}
