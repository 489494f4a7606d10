package translate

import (
	"cmp"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

// AppPassword gives the authenticator's App Password; ok is false when none is configured.
func (d *Decision) AppPassword() (p secret.Text, ok bool) {
	if d.user == nil {
		return p, false
	}
	return d.user.AppPassword, !d.user.AppPassword.Empty()
}

// CheckAppPassword refuses users of soap: app_password for whom none is configured.
func (d *Decision) CheckAppPassword() error {
	if _, ok := d.AppPassword(); ok {
		return nil
	}
	return &call.Error{
		Kind: call.KindTokenRefused, Cause: cause.NoAppPassword,
		Detail: "soap: app_password, but no App Password is configured for " + d.Authenticator,
		Fill:   []string{"user", d.in.shownName(d.Authenticator)},
	}
}

// AppCredential is X-DocuSign-Authentication as it goes upstream with an App Password, in the form in which it was
// read; a call that came with a token had none.
func (d *Decision) AppCredential(read legacy.Credential) legacy.Credential {
	key := d.appKey(read)
	if read.Username == "" {
		read = legacy.Credential{Scheme: legacy.HeaderXML, Username: d.Authenticator}
	}
	read.IntegratorKey = key
	if d.OnBehalf() {
		read.OnBehalfOf = d.Principal // X-DocuSign-Act-As-User does not go upstream
	}
	return read
}

// appKey is the integration key that DocuSign knows, in the program's spelling where it is the same.
func (d *Decision) appKey(read legacy.Credential) string {
	in := d.Integration
	if in.OAuth.ClientID != "" && !legacy.SameName(in.OAuth.ClientID, in.IntegratorKey) {
		return in.OAuth.ClientID
	}
	return cmp.Or(read.IntegratorKey, in.IntegratorKey)
}

// AppName writes the new integration key into the "[key]user" of an envelope where it differs from the legacy one, and
// the principal where only X-DocuSign-Act-As-User named it: that header does not go upstream. A name without a key
// stays without one.
func (d *Decision) AppName(read legacy.Credential, name string) string {
	key := d.appKey(read)
	switch {
	case name == "" && !d.OnBehalf():
		return "[" + key + "]" + d.Authenticator
	case d.OnBehalf() && read.OnBehalfOf != d.Principal:
		return "[" + key + "][" + d.Principal + "]" + cmp.Or(read.Username, d.Authenticator)
	case read.IntegratorKey == "":
		return name
	}
	return strings.Replace(name, read.IntegratorKey, key, 1)
}
