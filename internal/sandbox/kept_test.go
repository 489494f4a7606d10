package sandbox

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"testing"
)

func TestKeptAuthorityAndKeysAreTheSameInALaterRun(t *testing.T) {
	t.Parallel()
	first, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	before, err := first.Seed()
	if err != nil {
		t.Fatal(err)
	}
	pool, authority := first.CertPool(), first.AuthorityPEM()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	later, err := Start(Options{Authority: authority})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = later.Close() })
	after, err := later.SeedWith(before.PrivateKeys)
	if err != nil {
		t.Fatal(err)
	}
	for key, pem := range before.PrivateKeys {
		if !bytes.Equal(after.PrivateKeys[key], pem) {
			t.Errorf("the key of %s is another", key)
		}
	}
	transport := &http.Transport{DialContext: later.Dial, TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := (&http.Client{Transport: transport}).Get(later.SiteURL("demo.docusign.net") + "/restapi")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

func TestKeptMaterialThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	if s, err := Start(Options{Authority: []byte("-----BEGIN NOTHING-----")}); err == nil {
		_ = s.Close()
		t.Error("an authority was made of nothing")
	}
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.SeedWith(map[string][]byte{LegacyKey: []byte("no PEM")}); err == nil {
		t.Error("a key was made of nothing")
	}
}
