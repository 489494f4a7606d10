package egress

import (
	"errors"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
)

// Failure says which step failed of a call that could not be sent to a host, or got no answer. A *call.Error says so
// itself.
func Failure(host, what string, err error) error {
	if _, told := errors.AsType[*call.Error](err); told {
		return err
	}
	e := &call.Error{Kind: call.KindUnreachable, Detail: what, Err: err}
	e.Cause, e.Fill = cause.OfNetwork(host, err)
	if e.Cause == cause.Timeout || e.Cause == cause.ConnectTimeout {
		e.Kind = call.KindTimeout
	}
	return e
}
