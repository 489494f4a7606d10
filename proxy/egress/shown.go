package egress

import (
	"errors"
	"strings"

	"docusign-auth-proxy/internal/shown"
)

// Problem says what is wrong with a host without quoting it.
func Problem(err error) string {
	if he, ok := errors.AsType[*HostError](err); ok {
		return he.Problem
	}
	return err.Error()
}

// WithoutHost takes a host out of a text when it may not be shown.
func WithoutHost(text string, h Host) string {
	if shown.Host(h.String()) == h.String() {
		return text
	}
	return strings.ReplaceAll(text, h.Name(), "…")
}
