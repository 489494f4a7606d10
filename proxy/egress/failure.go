package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"docusign-auth-proxy/internal/call"
)

// Failure says what the operator can do about a call that could not be sent to a host, or got no answer. A *call.Error
// says so itself.
func Failure(host, what string, err error) error {
	if _, told := errors.AsType[*call.Error](err); told {
		return err
	}
	e := &call.Error{
		Kind: call.KindUnreachable, Detail: what, Err: err,
		NextStep: "check the way to " + host + ": docusign-auth-proxy doctor",
	}
	var refused *RefusedError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &refused):
		e.NextStep = refused.Hint
	case errors.As(err, &authority):
		e.NextStep = fmt.Sprintf("the certificate of %s is signed by a CA this machine does not know; "+
			"if a corporate proxy re-signs TLS, put its CA into upstream.ca_file", host)
	case errors.As(err, &name):
		e.NextStep = "the certificate is for another host; check egress.resolve and the hosts file"
	case errors.As(err, &record):
		e.NextStep = "the other side does not speak TLS; check upstream.proxy and egress.resolve"
	case errors.As(err, &dns):
		e.NextStep = "check this machine's DNS, or set egress.resolver or upstream.proxy"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		e.Kind = call.KindTimeout
	}
	return e
}
