package translate

import (
	"net/netip"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
)

// Action is what the pipeline does with a call.
type Action uint8

const (
	ActionTranslate Action = iota // swap the credential
	ActionPass                    // forward unchanged: the program brings its own OAuth token
	ActionObserve                 // forward unchanged, and Rehearse
)

// Decision is what is known of a call once its credential has been looked at. A refused call has one too, as far as it
// went.
type Decision struct {
	Action        Action
	Scheme        legacy.Scheme
	Integration   *integration.Integration // nil = unknown
	Key           string                   // integrator key as presented
	Authenticator string                   // username as the configuration spells it, or as presented
	Principal     string                   // as presented; Authenticator when nobody is acted for
	Conflict      bool                     // several credentials were present (PROTOCOL.md §16)
	// OwnToken is the OAuth token with ActionPass, where X-DocuSign-Authentication held it (PROTOCOL.md §1.4 V16).
	OwnToken secret.Text

	in        *indexed
	user      *integration.User
	vouchedBy [32]byte           // fingerprint of the password or imported token that proved the authenticator
	unpinned  uint64             // Pins.Unpinned before it was looked up
	target    *target            // nil while the integration is unknown
	attempted *legacy.Credential // what Rehearse proves; nil = nothing
	client    netip.Addr         // who attempted it
}

// of says whose the call is; nil changes nothing.
func (d *Decision) of(m *indexed) {
	if m != nil {
		d.in, d.Integration, d.target = m, m.Integration, &target{}
	}
}

func (d *Decision) setUser(u *integration.User) {
	if d.Principal == d.Authenticator {
		d.Principal = u.Username
	}
	d.user, d.Authenticator = u, u.Username
}

// IntegrationName is the label: the configured name, or "unknown".
func (d *Decision) IntegrationName() string {
	if d == nil || d.Integration == nil {
		return "unknown"
	}
	return d.Integration.Name
}

// Listed reports whether the configuration lists the authenticator.
func (d *Decision) Listed() bool { return d.user != nil || d.in.user(d.Authenticator) != nil }

// Attributed reports whether the call names the integration or key that it belongs to.
func (d *Decision) Attributed() bool { return d != nil && (d.Integration != nil || d.Key != "") }

// Shown gives key, authenticator and principal as people may see them: what the configuration lists as it is, and of
// anything else only what is no secret in the wrong field.
func (d *Decision) Shown() (key, authenticator, principal string) {
	key = d.Key
	if d.in == nil {
		key = shown.Key(key)
	}
	return key, d.in.shownName(d.Authenticator), d.in.shownName(d.Principal)
}

// Values are what the decision knows for the texts of a cause (cause.Fill): the user is who is acted for.
func (d *Decision) Values() []string {
	if d == nil {
		return nil
	}
	key, _, user := d.Shown()
	fill := []string{"key", key, "user", user}
	if d.in != nil {
		fill = append(fill, "integration", d.Integration.Name, "guid", d.in.userID(d.Principal))
	}
	return fill
}

// OnBehalf reports whether somebody is acted for.
func (d *Decision) OnBehalf() bool { return d.Principal != "" && d.Principal != d.Authenticator }

// checkPrincipal refuses principals that the authenticator may not act for.
func (d *Decision) checkPrincipal() error {
	if !d.OnBehalf() || d.in.mayActFor(d.user, d.Principal) {
		return nil
	}
	return &call.Error{
		Kind:   call.KindNotAllowed,
		Detail: d.in.shownName(d.Authenticator) + " may not act for " + d.in.shownName(d.Principal),
		Fill:   []string{"user", d.in.shownName(d.Authenticator), "principal", d.in.shownName(d.Principal)},
	}
}

// AccountNumber gives the number under which the integration knows an account, "" when it knows none.
func (d *Decision) AccountNumber(guid string) string {
	if d.in == nil {
		return ""
	}
	return d.in.guids[legacy.Fold(guid)]
}

// OnlyAccount gives the GUID of the account that the configuration lists for the user; "" unless it is just one.
func (d *Decision) OnlyAccount() (guid string) {
	if d.user == nil || d.OnBehalf() {
		return ""
	}
	for _, g := range d.user.Accounts {
		if guid != "" && !legacy.SameName(guid, g) {
			return ""
		}
		guid = g
	}
	return guid
}

// Owner says for whom something of a call is kept.
func (d *Decision) Owner() integration.TokenOwner {
	o := integration.TokenOwner{Integration: d.Integration.Name, Authenticator: d.Authenticator}
	if d.OnBehalf() {
		o.Principal = legacy.Fold(d.Principal)
	}
	return o
}

// AccountGUID gives the GUID of an account number that the configuration lists, "" when it lists none.
func (d *Decision) AccountGUID(number string) string {
	if d.in == nil {
		return ""
	}
	return d.in.numbers[number]
}

// WithConflict gives a copy of the decision that says that several credentials were present.
func (d *Decision) WithConflict() *Decision {
	c := *d
	c.Conflict = true
	return &c
}
