package cause

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
)

// maxDetail cuts what somebody on the way wrote, such as the names in a certificate.
const maxDetail = 200

// Explained is an error that knows its row, and the values for its texts.
type Explained interface {
	error
	Row() (ID, []string)
}

// NextStep is what the operator does about an error, with more values than it knows itself.
func NextStep(err Explained, more ...string) string {
	id, fill := err.Row()
	return id.Next(slices.Concat(fill, more)...)
}

// OfNetwork says which step of the way to host failed, by the error of the call. It gives the values for Next and Means
// too, host among them; none of them holds a credential.
func OfNetwork(host string, err error) (ID, []string) {
	id, fill := step(err)
	return id, append(fill, "host", host)
}

func step(err error) (ID, []string) {
	var several interface{ Unwrap() []error }
	var dns *net.DNSError
	if known, ok := errors.AsType[Explained](err); ok {
		return known.Row()
	}
	switch {
	case errors.As(err, &several):
		return mostTelling(several.Unwrap())
	case errors.As(err, &dns) && dns.IsNotFound:
		return NoName, nil
	case errors.As(err, &dns):
		return NoDNS, detail(strings.TrimSpace(dns.Server + " " + dns.Err))
	}
	if id, fill := ofTLS(err); id != 0 {
		return id, fill
	}
	return ofConnection(err)
}

// mostTelling takes the error of a family that this machine has: most lack IPv6, which says nothing about the fault.
func mostTelling(errs []error) (ID, []string) {
	best, bestFill := Unreachable, []string(nil)
	for _, err := range errs {
		id, fill := step(err)
		if id != NoRoute && id != Unreachable {
			return id, fill
		}
		if best == Unreachable {
			best, bestFill = id, fill
		}
	}
	return best, bestFill
}

func ofTLS(err error) (ID, []string) {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &unknown):
		return UntrustedCertificate, detail(issuer(err, unknown.Cert))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ExpiredCertificate, nil
	case errors.As(err, &name):
		return OtherCertificate, detail(cmp.Or(strings.Join(name.Certificate.DNSNames, ", "), "a certificate without names"))
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch): // as net/http says it
		return NoTLS, nil
	case errors.As(err, &op) && op.Op == "remote error": // crypto/tls keeps the type of an alert to itself
		return TLSRefused, detail(op.Err.Error())
	}
	return 0, nil
}

// issuer names who signed the certificate that is nearest to the authority.
func issuer(err error, unknown *x509.Certificate) string {
	if unverified, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		unknown = unverified.UnverifiedCertificates[len(unverified.UnverifiedCertificates)-1]
	}
	if unknown == nil {
		return "an issuer without a name"
	}
	by := unknown.Issuer
	return cmp.Or(by.CommonName, strings.Join(by.Organization, ", "), by.String(), "an issuer without a name")
}

// detail is the value for {detail}: what a stranger wrote, cut and without a line end in it.
func detail(text string) []string {
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "..."
	}
	quoted := fmt.Sprintf("%q", text)
	return []string{"detail", quoted[1 : len(quoted)-1]}
}

func ofConnection(err error) (ID, []string) {
	var op *net.OpError
	var fill []string
	dialing := errors.As(err, &op) && op.Op == "dial"
	if op != nil && op.Addr != nil {
		fill = []string{"address", op.Addr.String()}
	}
	for id, numbers := range errnos() {
		if slices.ContainsFunc(numbers, func(n syscall.Errno) bool { return errors.Is(err, n) }) {
			return id, fill
		}
	}
	var late net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		if dialing {
			return ConnectTimeout, fill
		}
		return Timeout, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Reset, fill
	}
	return Unreachable, nil
}

// errnos are what the system says of a step. Windows has numbers of its own beside those of POSIX (winsock2.h).
func errnos() map[ID][]syscall.Errno {
	return map[ID][]syscall.Errno{
		ConnectionRefused: {syscall.ECONNREFUSED, 10061},
		NoRoute:           {syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, 10050, 10051, 10065},
		LocalFirewall:     {syscall.EACCES, syscall.EPERM, 10013},
		ConnectTimeout:    {syscall.ETIMEDOUT, 10060},
		Reset:             {syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, 10053, 10054},
	}
}
