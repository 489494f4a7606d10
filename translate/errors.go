package translate

import "docusign-auth-proxy/internal/call"

func errUnknownKey() error {
	return &call.Error{
		Kind: call.KindUnknownKey, Detail: "the integrator key is not in the configuration",
		NextStep: "add an integration with this key, or set unknown: observe",
	}
}

func errBlocked() error {
	return &call.Error{
		Kind: call.KindBlocked, Detail: "the integration is cut over (mode: block)",
		NextStep: "switch the program to OAuth, or set mode: translate to let it go on",
	}
}

func errUnknownToken() error {
	return &call.Error{
		Kind:   call.KindUnknownToken,
		Detail: "a bearer token that neither this proxy issued nor the configuration imports",
		NextStep: "if the program stored it years ago, list its SHA-256 under tokens of the integration; " +
			"otherwise let the program log in again",
	}
}

func errVoucherChanged() error {
	return &call.Error{
		Kind: call.KindUnknownToken, Detail: "the password that vouched for this token has changed",
		NextStep: "let the program log in again; if the password is the same, " +
			"the key file beside the state file was lost: put it back from a backup",
	}
}

// ErrNoMembership says that UserInfo answered with an empty list of accounts (PROTOCOL.md §6.4).
func ErrNoMembership() error {
	return &call.Error{
		Kind: call.KindNoMembership, Detail: "UserInfo lists no account for this user",
		NextStep: "make the user an active member of an account in this environment " +
			"(demo and production have separate memberships)",
	}
}
