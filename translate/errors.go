package translate

import (
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/translate/legacy"
)

// errUnknownKey also looks for the key in another form. That is for the operator to read; it proves nothing.
func (t *Translator) errUnknownKey(d *Decision) error {
	e := &call.Error{Kind: call.KindUnknownKey, Detail: "the integrator key is not in the configuration"}
	bare, prefixed := legacy.BareKey(d.Key)
	m := t.dir.byBareKey(bare)
	switch {
	case m == nil:
		if m = t.dir.byClient(bare); m == nil {
			return e
		}
		e.Cause = cause.ClientIDAsKey
	case prefixed:
		e.Cause = cause.PrefixedKey
	default:
		e.Cause = cause.BareKey
	}
	e.Fill = []string{"integration", m.Name}
	return e
}

func errBlocked() error {
	return &call.Error{Kind: call.KindBlocked, Detail: "the integration is cut over (mode: block)"}
}

func errUnknownToken() error {
	return &call.Error{
		Kind:   call.KindUnknownToken,
		Detail: "a bearer token that neither this proxy issued nor the configuration imports",
	}
}

func errVoucherChanged() error {
	return &call.Error{
		Kind: call.KindUnknownToken, Cause: cause.VoucherChanged,
		Detail: "the password that vouched for this token has changed",
	}
}

// ErrNoMembership says that UserInfo answered with an empty list of accounts (PROTOCOL.md §6.4).
func ErrNoMembership() error {
	return &call.Error{Kind: call.KindNoMembership, Detail: "UserInfo lists no account for this user"}
}
