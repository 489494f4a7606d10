package demo

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// setup is a running sandbox, a running proxy in front of it, and the folder of both, which ends with it.
type setup struct {
	dir     string
	sandbox *sandbox.Sandbox
	seed    sandbox.Seed
	proxy   *app.Running
	log     switchedLog
	trust   *x509.CertPool // the proxy's CA, as an old program is told to trust it
}

// places are the listening addresses of a demo.
type places struct{ Proxy, Admin, Hosts string }

// newSetup hashes passwords at cost: the cheapest will do where all is gone in a second.
func newSetup(ctx context.Context, at places, keys map[string][]byte, cost int) (s *setup, err error) {
	s = &setup{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = files.MkdirTemp("docusign-demo-"); err != nil {
		return s, err
	}
	if s.sandbox, err = sandbox.Start(sandbox.Options{}); err != nil {
		return s, err
	}
	if s.seed, err = s.sandbox.SeedWith(keys); err != nil {
		return s, err
	}
	s.sandbox.AddEnvelope(sandbox.Envelope{
		ID: oldEnvelopeID, AccountID: sandbox.ExampleAccountID, SenderID: sandbox.AnnaID, Key: sandbox.LegacyKey,
		Status: "sent", Subject: "Order 4710",
	})
	wc := fixture.Config{Proxy: at.Proxy, Admin: at.Admin, Hosts: at.Hosts, Cost: cost}
	path, err := wc.Write(s.dir, s.sandbox, s.seed)
	if err != nil {
		return s, err
	}
	pem, err := os.ReadFile(filepath.Join(s.dir, "ca.pem"))
	if err != nil {
		return s, err
	}
	s.trust = x509.NewCertPool()
	s.trust.AppendCertsFromPEM(pem)
	return s, s.start(ctx, path)
}

func (s *setup) start(ctx context.Context, path string) error {
	holder := &config.Holder{Path: path}
	if _, err := holder.Reload(); err != nil {
		return err
	}
	var err error
	s.proxy, err = app.Start(ctx, holder, slog.New(slog.NewJSONHandler(&s.log, nil)), app.Hooks{})
	return err
}

// close stops the proxy, then the sandbox, and removes the folder.
func (s *setup) close() error {
	errs := []error{s.proxy.Stop()}
	if s.sandbox != nil {
		errs = append(errs, s.sandbox.Close())
	}
	if s.dir != "" {
		errs = append(errs, files.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// switchedLog keeps what is written, until it is switched over to a stream.
type switchedLog struct {
	mu   sync.Mutex
	kept strings.Builder
	to   io.Writer
}

func (l *switchedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to != nil {
		return l.to.Write(p)
	}
	return l.kept.Write(p)
}

func (l *switchedLog) switchTo(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = w
}

func (l *switchedLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.String()
}
