package app

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
)

func translatorOf(cfg *config.Config, env Deps, client *oauth.Client, previous *assembled) (*translate.Translator, error) {
	tc := translate.Config{
		ObserveUnknown: cfg.Unknown == config.Observe, OAuth: client, Issued: issuer{env.Store}, OnUnknown: env.onUnknown,
		RememberFor: cfg.Credentials.RememberFor, RememberMax: cfg.Credentials.RememberMax, Prover: env.prover,
	}
	scope := siteScope(AccountServer(cfg))
	tc.OnSite = func(account string, base *url.URL) {
		_ = env.Store.Accounts().Learn(scope, account, base.Host) // refuses only what is longer than any id and host
	}
	if previous != nil {
		tc.Previous = previous.state.Translator
	} else {
		tc.Sites = learnedSites(env.Store, scope, trustedBase(cfg))
	}
	if cfg.PinPassword == config.FirstUse {
		tc.Pins, tc.OnPin = env.Store, env.onPin
		tc.MayPin = func(client netip.Addr) bool { return client.IsLoopback() || Contains(cfg.Egress.Clients, client) }
	}
	for i := range cfg.Integrations {
		in, err := integrationOf(&cfg.Integrations[i])
		if err != nil {
			return nil, fmt.Errorf("integration %s: %w", cfg.Integrations[i].Name, err)
		}
		tc.Integrations = append(tc.Integrations, in)
	}
	return translate.New(tc)
}

func Contains(networks []netip.Prefix, a netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

func integrationOf(in *config.Integration) (translate.Integration, error) {
	out := translate.Integration{
		Name: in.Name, Key: in.IntegratorKey, ClientID: ClientID(*in), Scopes: strings.Join(in.OAuth.Scopes, " "), AdminUserID: in.OAuth.AdminUserID,
		OldStatusCodes: in.OldStatusCodes, GUIDPaths: in.AccountIDs == config.GUID, RefuseOAuth: !in.PassOAuthBearer,
	}
	switch in.Mode {
	case config.Observe:
		out.Mode = translate.ModeObserve
	case config.Block:
		out.Mode = translate.ModeBlock
	}
	if in.SOAP == config.AppPassword {
		out.SOAP = translate.SOAPAppPassword
	}
	for _, u := range in.Users {
		user, err := userOf(u)
		if err != nil {
			return out, fmt.Errorf("user %s: %w", u.Username, err)
		}
		out.Users = append(out.Users, user)
	}
	for _, p := range in.Principals {
		out.Principals = append(out.Principals, translate.Principal{Username: p.Username, UserID: p.UserID})
	}
	for _, t := range in.Tokens {
		imported := translate.ImportedToken{Username: t.Username, ActsAs: t.ActsAs}
		if n, err := hex.Decode(imported.SHA256[:], []byte(t.SHA256)); err != nil || n != len(imported.SHA256) {
			return out, fmt.Errorf("token of %s: sha256 is not 64 hexadecimal digits", t.Username)
		}
		out.Tokens = append(out.Tokens, imported)
	}
	return out, nil
}

func userOf(u config.User) (translate.User, error) {
	p, err := passwordOf(u.Password)
	return translate.User{
		Username: u.Username, UserID: u.UserID, Password: p, AppPassword: u.AppPassword.Text, MayActFor: u.MayActFor, Accounts: u.Accounts,
	}, err
}

func passwordOf(p config.Password) (translate.Password, error) {
	switch p.Kind {
	case config.Bcrypt:
		return translate.BcryptPassword(p.Hash)
	case config.Argon2id:
		return translate.Argon2idPassword(p.Hash)
	case config.Plain:
		return translate.PlainPassword(p.Plain)
	}
	return translate.Password{}, nil
}

// clientsOf says who may use the listeners. This machine always may; the doors that cannot ask for proxy credentials are
// open to listed networks only. With proxy_users the forward proxy asks everybody for a login, this machine too.
func clientsOf(cfg *config.Config, prover *translate.Prover) (forward, local *egress.Clients, err error) {
	own := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	listed := append(own, cfg.Egress.Clients...)
	local = &egress.Clients{Allow: listed}
	forward = &egress.Clients{Allow: listed}
	if len(cfg.Egress.ProxyUsers) == 0 {
		return forward, local, nil
	}
	if len(cfg.Egress.Clients) == 0 {
		forward.Allow = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	}
	var users []translate.Login
	for _, u := range cfg.Egress.ProxyUsers {
		p, err := passwordOf(u.Password)
		if err != nil {
			return nil, nil, fmt.Errorf("egress.proxy_users: %s: %w", u.Username, err)
		}
		users = append(users, translate.Login{Username: u.Username, Password: p})
	}
	forward.Verify = translate.NewLogins(prover, "egress.proxy_users", users).Verify
	return forward, local, nil
}

// adminLoginsOf gives the login of the operations listener, nil when it asks for none.
func adminLoginsOf(cfg *config.Config, prover *translate.Prover) (*translate.Logins, error) {
	own := cfg.Admin.BasicAuth
	if own == nil {
		return nil, nil
	}
	p, err := passwordOf(own.Password)
	if err != nil {
		return nil, fmt.Errorf("admin.basic_auth: %w", err)
	}
	return translate.NewLogins(prover, "admin.basic_auth", []translate.Login{{Username: own.Username, Password: p}}), nil
}

// issuer is the store as the proxy and the translator see it.
type issuer struct{ *store.Store }

func (i issuer) IssueToken(o translate.TokenOwner) (secret.Text, error) {
	return i.Store.Issue(store.TokenOwner(o))
}

func (i issuer) IssuePassword(o translate.TokenOwner) (secret.Text, error) {
	return i.Store.IssuePassword(store.TokenOwner(o))
}

func (i issuer) Revoke(token string) (bool, error) { return i.Store.Revoke(secret.New(token)) }

func (i issuer) Token(token string) (translate.TokenOwner, bool) {
	o, ok := i.Store.Lookup(secret.New(token))
	return translate.TokenOwner(o), ok
}

func (i issuer) Password(password string) (translate.TokenOwner, bool) {
	o, ok := i.Store.LookupPassword(secret.New(password))
	return translate.TokenOwner(o), ok
}

func (i issuer) Voucher(o translate.TokenOwner, fingerprint [32]byte) (string, error) {
	return i.Store.Voucher(store.TokenOwner(o), fingerprint)
}

// takeOver lets the passwords in force vouch for what earlier versions issued, which did not keep what vouched for it.
func (p *App) takeOver(a *assembled) {
	err := p.store.TakeOver(func(o store.TokenOwner) (string, error) {
		fingerprint, ok := a.state.Translator.InForce(o.Integration, o.Authenticator)
		if !ok {
			return "", nil
		}
		return p.store.Voucher(o, fingerprint)
	})
	if err != nil {
		p.log.Error("tokens issued by an earlier version are refused", "error", err,
			"next_step", "check that the proxy may write the state file and the key file beside it, then restart")
	}
}
