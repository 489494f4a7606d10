//go:build !windows

package service

import (
	"context"
)

// openLog: what a service says goes to the journal already.
func openLog(string) (write func(kind, string) error, done func()) {
	return func(kind, string) error { return nil }, func() {}
}

// manage: systemd starts a program as it is and ends it with SIGTERM.
func manage(ctx context.Context, _ string, serve managed) error {
	return serve(ctx, func(func()) {})
}
