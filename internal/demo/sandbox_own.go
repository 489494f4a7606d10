package demo

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/sandbox"
)

// ownProgram is a login that is compiled into somebody's real program. Empty fields are filled from the sandbox's own
// seed.
type ownProgram struct{ Key, User, Account string }

var (
	keyForm     = regexp.MustCompile(`^(?i:[a-z0-9]{4}-)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	accountForm = regexp.MustCompile(`^([0-9]{1,12}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$`)
)

func (o ownProgram) validate() error {
	switch {
	case o.Key != "" && !keyForm.MatchString(o.Key):
		return errors.New("--integrator-key: a GUID, or four characters and a dash before one")
	case o.User != "" && !strings.Contains(o.User, "@"):
		return errors.New("--user: an e-mail address")
	case o.Account != "" && !accountForm.MatchString(o.Account):
		return errors.New("--account: a number or a GUID")
	}
	return nil
}

// settle adds the program to the sandbox and to the seed that the configuration is made from.
func (o ownProgram) settle(sb *sandbox.Sandbox, w sandbox.Seed, kept map[string][]byte) (sandbox.Seed, error) {
	account := sandbox.ExampleAccountID
	if o.Account != "" {
		account = o.addAccount(sb, &w)
	}
	switch {
	case o.User != "" && w.User(o.User).Email == "":
		u := sandbox.User{ID: guidOf("user", o.User), Email: o.User, Name: "Your Program",
			AppPassword: "app-" + guidOf("app password", o.User)[:8], Accounts: []string{account}, Default: account}
		w.Users = append(w.Users, u)
	case o.Account != "":
		for i := range w.Users {
			w.Users[i].Accounts = append(w.Users[i].Accounts, account)
		}
	}
	for _, u := range w.Users {
		sb.AddUser(u)
	}
	if err := o.addIntegration(sb, &w, kept); err != nil {
		return w, err
	}
	for _, i := range w.Integrations {
		for _, u := range w.Users {
			sb.Consent(i.Key, u.ID, "signature", "impersonation")
		}
	}
	return w, nil
}

func (o ownProgram) addAccount(sb *sandbox.Sandbox, w *sandbox.Seed) string {
	for _, a := range w.Accounts {
		if a.Number == o.Account || strings.EqualFold(a.ID, o.Account) {
			return a.ID
		}
	}
	a := sandbox.Account{ID: guidOf("account", o.Account), Number: o.Account, Name: "Your account",
		Site: w.Accounts[0].Site}
	if strings.Contains(o.Account, "-") {
		a.ID, a.Number = strings.ToLower(o.Account), "9000001"
	}
	sb.AddAccount(a)
	w.Accounts = append(w.Accounts, a)
	return a.ID
}

func (o ownProgram) addIntegration(sb *sandbox.Sandbox, w *sandbox.Seed, kept map[string][]byte) error {
	if o.Key == "" || w.PrivateKeys[o.Key] != nil {
		return nil
	}
	private, err := ownKey(kept[o.Key])
	if err != nil {
		return fmt.Errorf("key of %s: %w", o.Key, err)
	}
	i := sandbox.Integration{Key: o.Key, PublicKeys: []*rsa.PublicKey{&private.PublicKey}, Live: true}
	sb.AddIntegration(i)
	w.Integrations = append(w.Integrations, i)
	w.PrivateKeys[o.Key] = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
		Bytes: x509.MarshalPKCS1PrivateKey(private)})
	return nil
}

func ownKey(kept []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(kept)
	if block == nil {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return x509.ParsePKCS1PrivateKey(block.Bytes)
}

// guidOf makes the same GUID for the same name in every run, so that a configuration stays good.
func guidOf(what, name string) string {
	b := sha256.Sum256([]byte(what + "\x00" + strings.ToLower(name)))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // version 8 of RFC 9562: made by a rule of one's own
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
