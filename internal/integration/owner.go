package integration

// TokenOwner says for whom the proxy issued a token or password.
type TokenOwner struct {
	Integration   string // name in the configuration
	Authenticator string // username as the configuration spells it: whose password was proven
	Principal     string // who is acted for; "" = the authenticator
	// Voucher is a keyed digest of what proved the authenticator. Records of earlier versions have none.
	Voucher string `json:",omitempty"`
}
