package panics

import (
	"log/slog"

	"docusign-auth-proxy/internal/call"
)

// Report logs a panic that was caught, without its value, and counts it.
func Report(log *slog.Logger, r call.Recorder, where string, p *Error, args ...any) {
	log.Error("panic", append([]any{"where", where, "panic", p.Error(), "stack", p.Stack}, args...)...)
	if pr, ok := r.(call.PanicRecorder); ok {
		pr.RecordPanic(where)
	}
}

// Try makes an error of a panic in f.
func Try(f func() error) (err error) {
	defer Into(&err)
	return f()
}
