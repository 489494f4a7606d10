package translate

import (
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

// What proved a user vouches for the tokens and passwords that the proxy then issues: they end when it changes. An issued
// secret that proves a user hands on what vouched for itself.

// OwnerOf says whose a secret is that is issued because of d, and what vouches for it. The principal is the authenticator.
func (t *Translator) OwnerOf(d *Decision) (TokenOwner, error) {
	o := TokenOwner{Integration: d.Integration.Name, Authenticator: d.Authenticator}
	if t.cfg.Issued == nil {
		return o, nil
	}
	var err error
	o.Voucher, err = t.cfg.Issued.Voucher(o, d.vouchedBy)
	return o, err
}

// InForce is the fingerprint of the password that proves a user now; ok is false for users whom the configuration does not list.
func (t *Translator) InForce(integration, username string) (fingerprint [32]byte, ok bool) {
	m := t.dir.byName(integration)
	if m == nil || m.users[legacy.Fold(username)] == nil {
		return fingerprint, false
	}
	return t.passwordOf(m, m.users[legacy.Fold(username)]).Fingerprint(), true
}

// Ended reports whether what vouched for an issued secret has changed since, or its user is gone.
func (t *Translator) Ended(o TokenOwner) (bool, error) {
	m := t.dir.byName(o.Integration)
	if m == nil || m.users[legacy.Fold(o.Authenticator)] == nil {
		return true, nil
	}
	_, ok, err := t.voucherInForce(o, m, m.users[legacy.Fold(o.Authenticator)])
	return !ok, err
}

// voucherInForce finds what vouched for an issued secret among what proves the user now: the password, and imported tokens.
func (t *Translator) voucherInForce(o TokenOwner, m *member, u *integration.User) (fingerprint [32]byte, ok bool, err error) {
	now := [][32]byte{t.passwordOf(m, u).Fingerprint()}
	for _, imported := range m.Tokens {
		if m.users[legacy.Fold(imported.Username)] == u {
			now = append(now, importedFingerprint(imported))
		}
	}
	for _, fingerprint := range now {
		voucher, err := t.cfg.Issued.Voucher(o, fingerprint)
		if err != nil {
			return fingerprint, false, &call.Error{
				Kind: call.KindInternal, Detail: "it cannot be told whether an issued token still holds", Err: err,
				NextStep: "check that the proxy may read the key file beside the state file",
			}
		}
		if voucher == o.Voucher {
			return fingerprint, true, nil
		}
	}
	return fingerprint, false, nil
}

// issuedPassword looks s up among the passwords that the proxy issued to u, and gives what vouched for it.
func (t *Translator) issuedPassword(m *member, u *integration.User, s secret.Text) (fingerprint [32]byte, ok bool) {
	owner, ok := t.cfg.Issued.Password(s.Reveal())
	if !ok || owner.Integration != m.Name || owner.Authenticator != u.Username {
		return fingerprint, false
	}
	fingerprint, ok, err := t.voucherInForce(owner, m, u)
	return fingerprint, ok && err == nil
}
