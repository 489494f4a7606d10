// Package translate turns a legacy DocuSign credential into what DocuSign takes today: it proves the credential against
// the configuration, picks the principal, and yields a bearer token and the site where the account lives.
// It opens no listener, holds no global and never lets a credential through that it has not proven.
// Package proxy calls it once per request; internal/app builds it from the configuration.
package translate

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/internal/cache"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// Issued looks up what the proxy itself handed out. Implementations must be quick: it is asked on the request path. The
// error of a look-up is that it is not known: the store that knows is away.
type Issued interface {
	Lookup(ctx context.Context, token secret.Text) (integration.TokenOwner, bool, error)
	LookupPassword(ctx context.Context, password secret.Text) (integration.TokenOwner, bool, error)
	// Voucher is a keyed digest of the owner and of the fingerprint of what proved them, to be kept with what was issued.
	Voucher(o integration.TokenOwner, fingerprint [32]byte) (string, error)
	// Vouches reports whether o has the voucher of that fingerprint.
	Vouches(o integration.TokenOwner, fingerprint [32]byte) (bool, error)
}

// Pins keeps the password hashes of users that the configuration lists without one. Pinned and Unpinned are asked on
// the request path.
type Pins interface {
	// Pinned tells the hash of a user. The error is that it is not known, as with Issued.
	Pinned(integration, username string) (bcryptHash string, ok bool, err error)
	// Pin keeps the hash unless the user has one, and returns the one that holds.
	Pin(integration, username, bcryptHash string) (held string, err error)
	// Unpinned grows after each hash that was forgotten: decisions that rest on a pin do not outlive it.
	Unpinned() uint64
}

// Config is what New needs.
type Config struct {
	Integrations   []integration.Integration // as the configuration checks them: no key, name or token is there twice
	ObserveUnknown bool                      // calls with an unknown key pass unchanged instead of being refused
	OAuth          *oauth.Client             // tokens and UserInfo
	Issued         Issued                    // nil = the proxy issues nothing
	Pins           Pins                      // nil = passwords are not pinned
	MayPin         func(client netip.Addr) bool
	OnPin          func(integration, username string, client netip.Addr) // told of every pinned password
	// OnUnknown, if non-nil, is told of credentials with unknown keys that pass.
	OnUnknown   func(cred legacy.Credential, actAs string, client netip.Addr)
	RememberFor time.Duration // how long a decision is remembered; 0 = not at all
	RememberMax int           // how many are
	Prover      *Prover
	Previous    *Translator // on reload: the sites it has learnt

	// OnSite, if non-nil, is told of each site that LearnSite learns; Sites is what it was told in an earlier run.
	OnSite func(account string, base *url.URL)
	Sites  map[string]*url.URL
}

// Translator decides about calls. It is safe for concurrent use and not changed after New.
type Translator struct {
	*tokens
	*vouchers
	cfg       Config
	dir       *index
	prover    *Prover
	decisions *cache.Cache[digest, *Decision]
	slowest   password.Password // of all integrations
}

// New builds a Translator.
func New(cfg Config) *Translator {
	dir := newIndex(cfg.Integrations, cfg.Pins != nil)
	t := &Translator{
		tokens: &tokens{server: cfg.OAuth}, cfg: cfg, dir: dir, prover: cfg.Prover,
		vouchers:  &vouchers{dir: dir, issued: cfg.Issued, pins: cfg.Pins, onPin: cfg.OnPin},
		decisions: cache.New[digest, *Decision](cfg.RememberMax, cmp.Or(cfg.RememberFor, -1), time.Now),
	}
	if cfg.Previous != nil {
		t.sites = cfg.Previous.sites
	} else {
		t.sites = newSiteTable(cfg.Sites)
	}
	for _, m := range dir.all {
		t.slowest = password.Slowest(t.slowest, m.slowest)
	}
	t.cfg.Previous = nil
	return t
}

// Call is the part of an HTTP request that can carry a credential.
type Call struct {
	Legacy        []string // values of X-DocuSign-Authentication
	Authorization []string // values of Authorization
	ActAs         string   // X-DocuSign-Act-As-User
	Client        netip.Addr
}

// Decide looks at the HTTP headers of a call, in the order of PROTOCOL.md §16. A credential that was proven before
// costs a keyed hash and a map look-up, and allocates nothing.
func (t *Translator) Decide(ctx context.Context, c *Call) (*Decision, error) {
	switch {
	case len(c.Legacy) > 0:
		return t.decideHeader(ctx, c)
	case len(c.Authorization) == 0:
		return &Decision{}, &call.Error{Kind: call.KindNoCredential, Detail: "the call carries no credential"}
	}
	token, ok := legacy.Bearer(c.Authorization[0])
	if !ok || len(c.Authorization) > 1 {
		return &Decision{}, &call.Error{
			Kind: call.KindNoCredential, Detail: "Authorization is not a single bearer token",
		}
	}
	return t.decideToken(ctx, token, c.ActAs)
}

func (t *Translator) decideHeader(ctx context.Context, c *Call) (*Decision, error) {
	auth := ""
	if len(c.Authorization) > 0 {
		auth = "+" // changes only the Conflict flag
	}
	// A decision serves the address alone for which it was made: the same credential from another one may be a guess. No
	// header's value holds a NUL (RFC 9110 §5.5).
	source := sourceOf(c.Client).As16()
	key := t.prover.hash.sum("header", strings.Join(c.Legacy, "\x00"), c.ActAs, auth, string(source[:]))
	if d, ok := t.decisions.Get(key); ok && (t.pins == nil || d.unpinned == t.pins.Unpinned()) {
		return d, nil
	}
	cred, err := legacy.ParseHeaders(c.Legacy, t.IsKey)
	if err != nil {
		return t.decision(0, cred.Scheme, cred.IntegratorKey), &call.Error{
			Kind: call.KindUnreadable, Detail: "X-DocuSign-Authentication", Err: err,
		}
	}
	if !cred.Bearer.Empty() {
		return t.decideHeaderToken(ctx, cred, c)
	}
	d, lasting, err := t.Prove(ctx, cred, c.ActAs, c.Client)
	d.Conflict = len(c.Authorization) > 0
	if err == nil && lasting {
		t.decisions.Put(key, d)
	}
	return d, err
}

// decideHeaderToken looks at a token in the legacy header (PROTOCOL.md §1.4 V16). Unlike one in Authorization,
// DocuSign never gave it out for that place, so it is only observed where the key beside it says so.
func (t *Translator) decideHeaderToken(ctx context.Context, cred legacy.Credential, c *Call) (*Decision, error) {
	d, err := t.decideToken(ctx, cred.Bearer.Reveal(), c.ActAs)
	switch {
	case err != nil:
	case d.Action == ActionPass:
		d.OwnToken = cred.Bearer
	case d.Action == ActionObserve && d.Integration == nil:
		if d = t.Observed(cred.IntegratorKey); d != nil {
			d.Scheme = legacy.LegacyBearer
			return d, nil
		}
		return &Decision{Scheme: legacy.LegacyBearer, Key: cred.IntegratorKey}, errUnknownToken()
	}
	d.Conflict = len(c.Authorization) > 0
	return d, err
}

// DecideKeyAlone decides about a legacy header that has an integrator key and neither user nor password (PROTOCOL.md
// §1.2). It is nil for any other header. upstream is the header as it may leave: with the key and nothing else that
// stood there, unless it is observed.
func (t *Translator) DecideKeyAlone(header string) (d *Decision, upstream string, err error) {
	cred, err := legacy.ParseHeader(header, t.IsKey)
	var format *legacy.FormatError
	if !errors.As(err, &format) || !format.OnlyKey {
		return nil, "", nil
	}
	d = t.decision(ActionPass, 0, cred.IntegratorKey)
	switch {
	case d.in == nil && !t.cfg.ObserveUnknown:
		return d, "", t.errUnknownKey(d)
	case d.in == nil || d.Integration.Mode == integration.Observe:
		return d, header, nil
	case d.Integration.Mode == integration.Block:
		return d, "", errBlocked()
	}
	return d, legacy.Credential{Scheme: cred.Scheme, IntegratorKey: cred.IntegratorKey}.Header(secret.Text{}), nil
}

// Prove checks a credential that somebody has read, from wherever it came. lasting is false when the decision must not
// be remembered.
func (t *Translator) Prove(
	ctx context.Context, cred legacy.Credential, actAs string, client netip.Addr,
) (d *Decision, lasting bool, err error) {
	d = t.decision(ActionTranslate, cred.Scheme, cred.IntegratorKey)
	d.Authenticator, d.Principal = cred.Username, cmp.Or(actAs, cred.OnBehalfOf, cred.Username)
	named := cred.Scheme == legacy.SOAPBody && cred.IntegratorKey == ""
	if named {
		d.of(t.dir.byUser(cred.Username))
	}
	switch {
	case d.in == nil && t.cfg.ObserveUnknown:
		d.Action = ActionObserve
		if t.cfg.OnUnknown != nil {
			t.cfg.OnUnknown(cred, actAs, client)
		}
		return d, false, nil
	case d.in == nil && named: // as slow as a wrong password, so that neither time nor cause tells who is configured
		a := attempt{client: client, username: cred.Username, candidates: cred.Passwords, slowest: t.slowest}
		_, _, err = t.prover.prove(ctx, a)
		return d, false, err
	case d.in == nil:
		return d, false, t.errUnknownKey(d)
	case d.Integration.Mode == integration.Block:
		return d, false, errBlocked()
	case d.Integration.Mode == integration.Observe:
		d.Action = ActionObserve
		attempted := cred // of its own, so that no other call puts its credential on the heap
		d.attempted, d.client = &attempted, client
		return d, false, nil
	}
	lasting, err = t.proveMember(ctx, d, cred, client)
	return d, lasting, err
}

func (t *Translator) proveMember(
	ctx context.Context, d *Decision, cred legacy.Credential, client netip.Addr,
) (lasting bool, err error) {
	m, u := d.in, d.in.user(cred.Username)
	// One account of failures for a user, however the program names them.
	a := attempt{
		client: client, realm: m.IntegratorKey, username: cred.Username, candidates: cred.Passwords, slowest: m.slowest,
	}
	if d.Key == "" {
		a.slowest = t.slowest // looked up among the users of all integrations
	}
	if u != nil {
		d.setUser(u)
		a.known, a.username = true, u.Username
		a.accept = func(ctx context.Context, s secret.Text) (bool, error) {
			_, ok, err := t.issuedPassword(ctx, m, u, s)
			return ok, err
		}
		if err := t.setPassword(&a, d); err != nil {
			return false, err
		}
	}
	by, lasting, err := t.prover.prove(ctx, a)
	if err != nil {
		return false, err
	}
	d.vouchedBy = by.Fingerprint()
	if !lasting { // an issued password proved the user
		for _, c := range cred.Passwords {
			by, ok, err := t.issuedPassword(ctx, m, u, c)
			if err != nil {
				return false, err
			}
			if ok {
				d.vouchedBy = by
			}
		}
	}
	return lasting, d.checkPrincipal()
}

// setPassword finds what the attempt must match, or lets it pin the first password of a user who has none.
func (t *Translator) setPassword(a *attempt, d *Decision) (err error) {
	if t.pins != nil {
		d.unpinned = t.pins.Unpinned()
	}
	if a.password, err = t.password(d.in, d.user); err != nil {
		return err
	}
	a.pinned = t.mayPin(d.user)
	if !t.mayPin(d.user) || a.password.Kind() != password.None || t.cfg.MayPin == nil || !t.cfg.MayPin(a.client) {
		return nil
	}
	if err := d.checkPrincipal(); err != nil {
		return err // a call that is refused pins nothing
	}
	a.pin = func(first secret.Text) (password.Password, bool, error) {
		return t.pin(d.in, d.user, first, a.client)
	}
	return nil
}

func (t *Translator) decideToken(ctx context.Context, token, actAs string) (*Decision, error) {
	owner, ok, err := t.tokenOwner(ctx, token)
	if err != nil {
		return &Decision{Scheme: legacy.LegacyBearer}, err
	}
	if ok {
		return t.decideOwnToken(owner, actAs)
	}
	if legacy.LooksLikeOAuth(token) {
		d := &Decision{Action: ActionPass, Scheme: legacy.OAuthBearer}
		t.attribute(d, token)
		if d.Integration != nil && !d.Integration.PassOAuthBearer {
			return d, &call.Error{
				Kind: call.KindOAuthRefused, Detail: "the program brings its own OAuth token",
			}
		}
		return d, nil
	}
	d := &Decision{Scheme: legacy.LegacyBearer}
	if t.cfg.ObserveUnknown || t.dir.observes() {
		d.Action = ActionObserve // it may be one that DocuSign gave to an observed program
		return d, nil
	}
	return d, errUnknownToken()
}

// attribute finds the integration of a call that brings its own OAuth token, where the token's claims name the client.
// DocuSign does not document its access tokens, so this is for the label only and decides nothing.
func (t *Translator) attribute(d *Decision, token string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return
	}
	var claims struct {
		ClientID string `json:"client_id"`
		Party    string `json:"azp"`
		Issuer   string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return
	}
	for _, name := range []string{claims.ClientID, claims.Party, claims.Issuer} {
		if m := t.dir.byClient(name); m != nil {
			d.of(m)
			d.Key = m.IntegratorKey
			return
		}
	}
}

// decideOwnToken decides about a bearer token that the proxy issued or that the configuration imports (PROTOCOL.md §16
// row 7).
func (t *Translator) decideOwnToken(owner tokenOwner, actAs string) (*Decision, error) {
	d := &Decision{
		Scheme: legacy.LegacyBearer, Key: owner.in.IntegratorKey, user: owner.user, vouchedBy: owner.fingerprint,
		Authenticator: owner.user.Username, Principal: cmp.Or(actAs, owner.actsAs, owner.user.Username),
	}
	d.of(owner.in)
	switch d.Integration.Mode {
	case integration.Block:
		return d, errBlocked()
	case integration.Observe:
		d.Action = ActionObserve
		return d, nil
	}
	if owner.issued != nil {
		var ok bool
		var err error
		d.vouchedBy, ok, err = t.inForce(*owner.issued, owner.in, owner.user)
		if err != nil {
			return d, err
		}
		if !ok {
			return d, errVoucherChanged()
		}
	}
	return d, d.checkPrincipal()
}

// Rehearse finds out whether an observed call could have been translated.
func (t *Translator) Rehearse(ctx context.Context, d *Decision) error {
	if d.in == nil {
		return t.errUnknownKey(d)
	}
	var err error
	if d.attempted != nil {
		own := *d // the call itself is answered and recorded meanwhile
		d = &own
		_, err = t.proveMember(ctx, d, *d.attempted, d.client)
	} else {
		err = d.checkPrincipal()
	}
	if err != nil {
		return err
	}
	if d.Integration.SOAP == integration.AppPassword && (d.Scheme == legacy.WSSecurity || d.Scheme == legacy.SOAPBody) {
		return d.CheckAppPassword() // no token goes upstream
	}
	if _, err := t.Token(ctx, d); err != nil {
		return err
	}
	_, err = t.Site(ctx, d, "") // needed as well, and observed calls are routed by what UserInfo says
	return err
}

// DecisionOf decides as whom something is done for an owner whose call is over. The configuration must still let it.
func (t *Translator) DecisionOf(o integration.TokenOwner) (*Decision, error) {
	m := t.dir.byName(o.Integration)
	u := m.user(o.Authenticator)
	if u == nil || m.Mode != integration.Translate {
		return nil, &call.Error{
			Kind: call.KindNotAllowed, Cause: cause.UserNotListed,
			Detail: "the configuration no longer lists " + shown.Name(o.Authenticator),
			Fill:   []string{"user", shown.Name(o.Authenticator), "integration", o.Integration},
		}
	}
	d := &Decision{
		Key: m.IntegratorKey, user: u, Authenticator: u.Username, Principal: cmp.Or(o.Principal, u.Username),
	}
	d.of(m)
	return d, d.checkPrincipal()
}

// IsKey reports whether a text is a configured integrator key.
func (t *Translator) IsKey(s string) bool { return t.dir.byIntegratorKey(s) != nil }

// Observed gives a decision to forward calls with this integrator key unchanged, nil when they are not merely observed.
func (t *Translator) Observed(key string) *Decision {
	d := t.decision(ActionObserve, 0, key)
	if d.in == nil && t.cfg.ObserveUnknown || d.in != nil && d.Integration.Mode == integration.Observe {
		return d
	}
	return nil
}

// decision begins one about the integration with that key, if there is one.
func (t *Translator) decision(a Action, s legacy.Scheme, key string) *Decision {
	d := &Decision{Action: a, Scheme: s, Key: key}
	d.of(t.dir.byIntegratorKey(key))
	return d
}
