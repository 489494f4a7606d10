package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/sandbox/certs"
)

// The fixed names of the seed.
const (
	LegacyKey = "TEST-0a1b2c3d-1111-2222-3333-444455556666"
	GUIDKey   = "a1b2c3d4-0000-4000-8000-000000000001"

	AnnaID   = "a1b2c3d4-0000-4000-8000-000000000020"
	BobID    = "a1b2c3d4-0000-4000-8000-000000000021"
	AdminID  = "a1b2c3d4-0000-4000-8000-000000000022"
	LegacyID = "a1b2c3d4-0000-4000-8000-000000000023"

	ExampleAccountID = "a1b2c3d4-0000-4000-8000-000000000010" // number 1234567
	CaptureAccountID = "a1b2c3d4-0000-4000-8000-000000000011" // number 1703061

	// CaptureEnvelopeID is the envelope that the recorded clients ask for; it is in account 1703061.
	CaptureEnvelopeID = "93be49ab-0000-4000-8000-000000000001"
	// DraftEnvelopeID is one of the same account that was not sent.
	DraftEnvelopeID = "93be49ab-0000-4000-8000-000000000002"

	// The templates of both accounts: an order with two roles and a short agreement.
	OrderTemplateID     = "70000000-1111-4222-8333-000000000001"
	AgreementTemplateID = "70000000-1111-4222-8333-000000000002"
)

//go:embed seed.json
var seedJSON []byte

// Seed is what the demo begins with: two integrations, four users, two accounts on two sites, and in account 1703061
// two envelopes and two templates.
type Seed struct {
	Integrations []Integration
	PrivateKeys  map[string][]byte // PKCS#1 PEM by integration key
	Users        []User
	Accounts     []Account
	Templates    []map[string]any // REST's definitions
}

// User finds one of the users by e-mail.
func (s Seed) User(email string) User {
	i := slices.IndexFunc(s.Users, func(u User) bool { return strings.EqualFold(u.Email, email) })
	if i < 0 {
		return User{}
	}
	return s.Users[i]
}

// Seed fills the sandbox. Every user has consented to every integration; RSA keys are new each time.
func (s *Sandbox) Seed() (Seed, error) { return s.SeedWith(nil) }

// SeedWith is Seed with what edits change in it, and with the PrivateKeys of an earlier run; missing ones are made.
func (s *Sandbox) SeedWith(keys map[string][]byte, edits ...func(*Seed)) (Seed, error) {
	w := Seed{PrivateKeys: map[string][]byte{}}
	if err := json.Unmarshal(seedJSON, &w); err != nil {
		return w, err
	}
	w.Accounts[0].Site, w.Accounts[1].Site = s.opts.Sites[min(1, len(s.opts.Sites)-1)], s.opts.Sites[0]
	for _, edit := range edits {
		edit(&w)
	}
	for n, i := range w.Integrations {
		private, err := privateKey(keys[i.Key])
		if err != nil {
			return w, fmt.Errorf("key of %s: %w", i.Key, err)
		}
		w.PrivateKeys[i.Key] = certs.PEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private))
		w.Integrations[n].PublicKeys = []*rsa.PublicKey{&private.PublicKey}
	}
	for _, a := range w.Accounts {
		s.AddAccount(a)
	}
	for _, u := range w.Users {
		s.AddUser(u)
	}
	for _, i := range w.Integrations {
		s.AddIntegration(i)
		for _, u := range w.Users {
			s.Consent(i.Key, u.ID, "signature", "impersonation")
		}
	}
	for _, e := range [][2]string{{CaptureEnvelopeID, "sent"}, {DraftEnvelopeID, "created"}} {
		s.AddEnvelope(Envelope{
			ID: e[0], AccountID: CaptureAccountID, SenderID: LegacyID, Key: LegacyKey, Status: e[1],
			Subject: "Please sign", Documents: []Document{{ID: "1", Name: "sample.pdf"}},
			Recipients: []Recipient{{ID: "1", Email: "signer@example.com", Name: "Sam Signer", Type: "signers"}},
		})
	}
	for _, t := range w.Templates {
		if err := s.AddTemplate(CaptureAccountID, t); err != nil {
			return w, fmt.Errorf("template: %w", err)
		}
	}
	return w, nil
}

// privateKey reads a key that was kept, or makes one.
func privateKey(kept []byte) (*rsa.PrivateKey, error) {
	if len(kept) == 0 {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return privatekey.RSA(kept)
}
