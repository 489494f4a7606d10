package translate

import (
	"context"
	"net/netip"

	"golang.org/x/crypto/bcrypt"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

// vouchers knows what proves a user: the password in force, imported tokens, and what the proxy issued because of one
// of them. What proved a user vouches for the tokens and passwords that the proxy then issues: they end when it
// changes. An issued secret that proves a user hands on what vouched for itself.
type vouchers struct {
	dir    *index
	issued Issued // nil = the proxy issues nothing
	pins   Pins   // nil = passwords are not pinned
	onPin  func(integration, username string, client netip.Addr)
}

// OwnerOf says whose a secret is that is issued because of d, and what vouches for it. The principal is the
// authenticator.
func (v *vouchers) OwnerOf(d *Decision) (o integration.TokenOwner, err error) {
	o = integration.TokenOwner{Integration: d.Integration.Name, Authenticator: d.Authenticator}
	if v.issued != nil {
		o.Voucher, err = v.issued.Voucher(o, d.vouchedBy)
	}
	return o, err
}

// InForce is the fingerprint of the password that proves a user now; ok is false for users whom the configuration does
// not list.
func (v *vouchers) InForce(integration, username string) (fingerprint [32]byte, ok bool) {
	m := v.dir.byName(integration)
	u := m.user(username)
	if u == nil {
		return fingerprint, false
	}
	p, err := v.password(m, u)
	return p.Fingerprint(), err == nil
}

// Ended reports whether what vouched for an issued secret has changed since, or its user is gone.
func (v *vouchers) Ended(o integration.TokenOwner) (bool, error) {
	m := v.dir.byName(o.Integration)
	u := m.user(o.Authenticator)
	if u == nil {
		return true, nil
	}
	_, ok, err := v.inForce(o, m, u)
	return !ok, err
}

// inForce finds what vouched for an issued secret among what proves the user now.
func (v *vouchers) inForce(
	o integration.TokenOwner, m *indexed, u *integration.User,
) (fingerprint [32]byte, ok bool, err error) {
	p, err := v.password(m, u)
	if err != nil {
		return fingerprint, false, err
	}
	now := [][32]byte{p.Fingerprint()}
	for _, t := range m.Tokens {
		if m.user(t.Username) == u {
			now = append(now, importedFingerprint(t))
		}
	}
	for _, fingerprint = range now {
		vouches, err := v.issued.Vouches(o, fingerprint)
		if err != nil {
			return fingerprint, false, &call.Error{
				Kind: call.KindInternal, Cause: cause.StoreUnwritable, Err: err,
				Detail: "it cannot be told whether an issued token still holds",
			}
		}
		if vouches {
			return fingerprint, true, nil
		}
	}
	return fingerprint, false, nil
}

// issuedPassword looks s up among the passwords that the proxy issued to u, and gives what vouched for it.
func (v *vouchers) issuedPassword(
	ctx context.Context, m *indexed, u *integration.User, s secret.Text,
) (fingerprint [32]byte, ok bool, err error) {
	if v.issued == nil {
		return fingerprint, false, nil
	}
	owner, ok, err := v.issued.LookupPassword(ctx, s)
	if !ok || err != nil || owner.Integration != m.Name || owner.Authenticator != u.Username {
		return fingerprint, false, err
	}
	return v.inForce(owner, m, u)
}

// tokenOwner finds whose a bearer token is that the proxy issued or that the configuration imports.
func (v *vouchers) tokenOwner(ctx context.Context, token string) (o tokenOwner, ok bool, err error) {
	if o, ok := v.dir.importedToken(token); ok || v.issued == nil {
		return o, ok, nil
	}
	owner, ok, err := v.issued.Lookup(ctx, secret.New(token))
	if !ok || err != nil {
		return tokenOwner{}, false, err
	}
	m := v.dir.byName(owner.Integration)
	u := m.user(owner.Authenticator) // nil = the user was taken out of the configuration
	return tokenOwner{in: m, user: u, actsAs: owner.Principal, issued: &owner}, u != nil, nil
}

// mayPin reports whether the first password of a user is kept.
func (v *vouchers) mayPin(u *integration.User) bool {
	return v.pins != nil && u.Password.Kind() == password.None
}

// password is the one in force: the configured or the pinned one.
func (v *vouchers) password(m *indexed, u *integration.User) (password.Password, error) {
	if v.mayPin(u) {
		hash, _, err := v.pins.Pinned(m.Name, u.Username)
		if err != nil {
			return password.Password{}, err
		}
		if p, err := password.Bcrypt(hash); err == nil {
			return p, nil
		}
	}
	return u.Password, nil
}

// pin keeps the first password seen for a user whom the configuration lists without one. It returns the one that holds
// from then on, and whether it is this one: another call may have been quicker.
func (v *vouchers) pin(
	m *indexed, u *integration.User, first secret.Text, client netip.Addr,
) (held password.Password, own bool, err error) {
	refuse := func(kind call.Kind, id cause.ID, detail string, err error) (password.Password, bool, error) {
		return held, false, &call.Error{Kind: kind, Cause: id, Detail: detail, Err: err}
	}
	switch {
	case first.Empty():
		return refuse(call.KindBadLogin, cause.EmptyPassword, "an empty password is not pinned", nil)
	case len(first.Reveal()) > password.MaxBcrypt:
		return refuse(call.KindBadLogin, cause.LongPassword, "a password longer than 72 bytes cannot be pinned", nil)
	}
	hash, err := password.HashBcrypt(first, bcrypt.DefaultCost)
	if err != nil {
		return refuse(call.KindInternal, cause.Internal, "the password cannot be pinned", err)
	}
	kept, err := v.pins.Pin(m.Name, u.Username, hash)
	if err != nil {
		e := &call.Error{Cause: cause.StoreUnwritable, Detail: "the password could not be pinned"}
		return held, false, e.Around(err)
	}
	if held, err = password.Bcrypt(kept); err != nil {
		return refuse(call.KindInternal, cause.PinnedPassword, "the pinned password cannot be read", err)
	}
	if own = kept == hash; own && v.onPin != nil {
		v.onPin(m.Name, u.Username, client)
	}
	return held, own, nil
}
