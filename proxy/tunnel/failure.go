package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/reply"
)

// Failure is why a CONNECT to a listed host led nowhere.
type Failure struct {
	Status int
	Reason string // bounded: the word of Cause, or the rule by which an address was refused
	Cause  cause.ID
	Fill   []string
}

// FailureOf explains an error of Pool.Dial.
func FailureOf(host string, err error) Failure {
	f := Failure{Status: http.StatusBadGateway}
	f.Cause, f.Fill = cause.OfNetwork(host, err)
	f.Reason = f.Cause.String()
	refused, ok := errors.AsType[*egress.RefusedError](err)
	switch {
	case ok:
		f.Status, f.Reason = http.StatusForbidden, refused.Rule
	case f.Cause == cause.TooManyTunnels:
		f.Status = http.StatusServiceUnavailable
	case f.Cause == cause.ConnectTimeout, f.Cause == cause.Timeout:
		f.Status = http.StatusGatewayTimeout
	}
	return f
}

// Answer writes the answer to the CONNECT.
func (f Failure) Answer(w io.Writer) {
	body := Text(f.Cause, f.Fill...) + "\n"
	_, _ = fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"X-Docusign-Auth-Proxy-Cause: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		f.Status, http.StatusText(f.Status), f.Reason, len(body), body)
}

// Text is what a client reads whose request went nowhere: what happened, and what to do.
func Text(why cause.ID, fill ...string) string {
	return "docusign-auth-proxy: " + why.Means(fill...) + "; " + why.Next(fill...)
}

// NotAdmitted is the answer to a client that may not use the proxy.
func NotAdmitted(a egress.Admission) reply.Answer {
	answer := reply.Caller{}.Text(a.Status, Text(a.Cause, a.Fill...))
	answer.Header.Set(reply.CauseHeader, a.Cause.String())
	if a.Status == http.StatusProxyAuthRequired {
		answer.Header.Set("Proxy-Authenticate", a.Challenge)
	}
	if a.RetryAfter > 0 {
		answer.Header.Set("Retry-After", strconv.Itoa(int(a.RetryAfter.Seconds())))
	}
	return answer
}
