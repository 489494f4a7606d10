package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"docusign-auth-proxy/internal/cause"
)

// explain finds out more about a server that was never reached, and cuts connections or does not answer: which of the
// two sides speaks TLS, or that a certificate is wanted. It sends no password.
func (s *link) explain(ctx context.Context, err error) error {
	var f *Fault
	if _, unknown := s.known(); unknown == nil || s.o.Sentinel != nil || !errors.As(err, &f) || f.err == nil ||
		f.row != cause.StoreAway && f.row != cause.StoreSlow {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.o.Timeout)
	defer cancel()
	tried := s.handshake(ctx, s.o.TLS)
	row, _ := cause.OfNetwork("", tried)
	var unverified *tls.CertificateVerificationError
	switch {
	case s.o.TLS == nil && (tried == nil || errors.As(tried, &unverified)):
		f.row = cause.StoreWantsTLS
	case s.o.TLS != nil && row == cause.TLSRefused:
		f.row = cause.StoreWantsCertificate
		_, fill := cause.OfNetwork("", tried)
		f.fill = append(f.fill, fill...)
	case s.o.TLS != nil && s.speaksPlain(ctx):
		f.row = cause.StoreNoTLS
	}
	return err
}

// handshake does a TLS handshake, and waits a moment for what the server has against it: in TLS 1.3 that comes after.
func (s *link) handshake(ctx context.Context, config *tls.Config) error {
	if config == nil {
		config = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	c, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.o.Addresses[0])
	if err != nil {
		return err
	}
	defer c.Close()
	if err = c.SetDeadline(time.Now().Add(s.o.Timeout / 2)); err != nil {
		return err
	}
	var late net.Error
	if _, err = c.Read(make([]byte, 1)); errors.As(err, &late) && late.Timeout() {
		return nil // it has nothing against it
	}
	return err
}

// speaksPlain tells whether the server answers as Redis does without TLS.
func (s *link) speaksPlain(ctx context.Context) bool {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", s.o.Addresses[0])
	if err != nil {
		return false
	}
	defer c.Close()
	answer := make([]byte, 1)
	err = errors.Join(c.SetDeadline(time.Now().Add(s.o.Timeout)), writeAll(c, "PING\r\n"))
	if err == nil {
		_, err = c.Read(answer)
	}
	return err == nil && (answer[0] == '+' || answer[0] == '-')
}

func writeAll(c net.Conn, text string) error {
	_, err := c.Write([]byte(text))
	return err
}
