package translate

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"time"

	"golang.org/x/crypto/bcrypt"

	"docusign-auth-proxy/internal/cache"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// TokenOwner says whose a legacy bearer token or proxy-side password is.
type TokenOwner struct {
	Integration   string // name
	Authenticator string // username as the configuration spells it
	Principal     string // "" = the authenticator
	Voucher       string // what proved the authenticator, see Issued.Voucher
}

// Issued looks up what the proxy itself handed out. Implementations must be quick: it is asked on the request path.
type Issued interface {
	Token(token string) (TokenOwner, bool)
	Password(password string) (TokenOwner, bool)
	// Voucher is a keyed digest of the owner and of the fingerprint of what proved them, to be kept with what was issued.
	Voucher(o TokenOwner, fingerprint [32]byte) (string, error)
}

// Pins keeps the password hashes of users that the configuration lists without one. Pinned and Unpinned are asked on the request path.
type Pins interface {
	Pinned(integration, username string) (bcryptHash string, ok bool)
	// Pin keeps the hash unless the user has one, and returns the one that holds.
	Pin(integration, username, bcryptHash string) (held string, err error)
	// Unpinned grows after each hash that was forgotten: decisions that rest on a pin do not outlive it.
	Unpinned() uint64
}

// Config is what New needs.
type Config struct {
	Integrations   []integration.Integration
	ObserveUnknown bool          // calls with an unknown key pass unchanged instead of being refused
	OAuth          *oauth.Client // tokens and UserInfo
	Issued         Issued        // nil = the proxy issues nothing
	Pins           Pins          // nil = passwords are not pinned
	MayPin         func(client netip.Addr) bool
	OnPin          func(integration, username string, client netip.Addr)         // told of every pinned password
	OnUnknown      func(cred legacy.Credential, actAs string, client netip.Addr) // told of credentials with unknown keys that pass; nil = nobody
	RememberFor    time.Duration                                                 // how long a proven credential is remembered; 0 = not at all
	RememberMax    int                                                           // how many are; 0 = 10,000
	Now            func() time.Time                                              // nil = time.Now
	Prover         *Prover                                                       // nil = one of its own, which remembers as said here
	Previous       *Translator                                                   // on reload: the sites it has learnt

	// OnSite, if non-nil, is told of each site that LearnSite learns; Sites is what it was told in an earlier run.
	OnSite func(account string, base *url.URL)
	Sites  map[string]*url.URL
}

// Translator decides about calls. It is safe for concurrent use and not changed after New.
type Translator struct {
	cfg       Config
	dir       *directory
	prover    *Prover
	decisions *cache.Cache[digest, *Decision]
	slowest   password.Password // of all integrations
	sites     *siteTable
}

// New builds a Translator.
func New(cfg Config) (*Translator, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.RememberMax == 0 {
		cfg.RememberMax = 10_000
	}
	dir, err := newDirectory(cfg.Integrations, cfg.Pins != nil)
	if err != nil {
		return nil, err
	}
	t := &Translator{
		cfg: cfg, dir: dir, prover: cfg.Prover, decisions: newMemo[*Decision](cfg.RememberMax, cfg.RememberFor, cfg.Now), sites: newSiteTable(),
	}
	if t.prover == nil {
		t.prover = NewProver(cfg.Now)
		t.prover.Remember(cfg.RememberFor, cfg.RememberMax)
	}
	if prev := cfg.Previous; prev != nil {
		t.sites = prev.sites
	} else {
		for account, base := range cfg.Sites {
			t.sites.put(account, base, "")
		}
	}
	for _, m := range dir.members {
		t.slowest = password.Slowest(t.slowest, m.slowest)
	}
	t.cfg.Previous = nil
	return t, nil
}

// Action is what the pipeline does with a call.
type Action uint8

const (
	ActionTranslate Action = iota // swap the credential
	ActionPass                    // forward unchanged: the program brings its own OAuth token
	ActionObserve                 // forward unchanged, and Rehearse
)

// Decision is what is known of a call once its credential has been looked at. A refused call has one too, as far as it went.
type Decision struct {
	Action        Action
	Scheme        legacy.Scheme
	Integration   *integration.Integration // nil = unknown
	Key           string                   // integrator key as presented
	Authenticator string                   // username as the configuration spells it, or as presented
	Principal     string                   // as presented; Authenticator when nobody is acted for
	Conflict      bool                     // several credentials were present (PROTOCOL.md §16)
	OwnToken      secret.Text              // with ActionPass: the OAuth token, where X-DocuSign-Authentication held it (PROTOCOL.md §1.4 V16)

	member    *member
	user      *integration.User
	vouchedBy [32]byte // fingerprint of the password or imported token that proved the authenticator
	pinned    bool     // the password was pinned
	unpinned  uint64   // Pins.Unpinned before it was looked up
	target    targetCell
	rehearse  *attemptedCall
}

// IntegrationName is the label: the configured name, or "unknown".
func (d *Decision) IntegrationName() string {
	if d == nil || d.Integration == nil {
		return "unknown"
	}
	return d.Integration.Name
}

// Listed reports whether the configuration lists the authenticator.
func (d *Decision) Listed() bool {
	if d.user != nil {
		return true
	}
	return d.member != nil && d.member.users[legacy.Fold(d.Authenticator)] != nil
}

// Attributed reports whether the call names the integration or key that it belongs to.
func (d *Decision) Attributed() bool { return d != nil && (d.Integration != nil || d.Key != "") }

// Shown gives key, authenticator and principal as people may see them: what the configuration lists as it is, and of anything else
// only what is no secret in the wrong field.
func (d *Decision) Shown() (key, authenticator, principal string) {
	key = d.Key
	if d.member == nil {
		key = shown.Key(key)
	}
	return key, d.member.shownName(d.Authenticator), d.member.shownName(d.Principal)
}

// OnBehalf reports whether somebody is acted for.
func (d *Decision) OnBehalf() bool { return d.Principal != "" && d.Principal != d.Authenticator }

// Call is the part of an HTTP request that can carry a credential.
type Call struct {
	Legacy        []string // values of X-DocuSign-Authentication
	Authorization []string // values of Authorization
	ActAs         string   // X-DocuSign-Act-As-User
	Client        netip.Addr
}

type attemptedCall struct {
	cred   legacy.Credential
	actAs  string
	client netip.Addr
}

// Decide looks at the HTTP headers of a call, in the order of PROTOCOL.md §16. A credential that was proven before costs a keyed
// hash and a map look-up, and allocates nothing.
func (t *Translator) Decide(ctx context.Context, c *Call) (*Decision, error) {
	if len(c.Legacy) > 0 {
		return t.decideHeader(ctx, c)
	}
	if len(c.Authorization) > 0 {
		return t.decideBearer(ctx, c)
	}
	return &Decision{}, &call.Error{Kind: call.KindNoCredential, Detail: "the call carries no credential"}
}

func (t *Translator) decideHeader(ctx context.Context, c *Call) (*Decision, error) {
	var key digest
	single := len(c.Legacy) == 1
	if single {
		auth := ""
		if len(c.Authorization) > 0 {
			auth = "+" // changes only the Conflict flag
		}
		// A decision serves the address alone for which it was made: the same credential from another one may be a guess.
		source := sourceOf(c.Client).As16()
		key = t.prover.hash.sum("header", c.Legacy[0], c.ActAs, auth, string(source[:]))
		if d, ok := t.decisions.Get(key); ok && (!d.pinned || d.unpinned == t.cfg.Pins.Unpinned()) {
			return d, nil
		}
	}
	cred, err := legacy.ParseHeaders(c.Legacy, t.dir.isKey)
	if err != nil {
		d := &Decision{Scheme: cred.Scheme, Key: cred.IntegratorKey, member: t.dir.byIntegratorKey(cred.IntegratorKey)}
		if d.member != nil {
			d.Integration = d.member.Integration
		}
		return d, &call.Error{Kind: call.KindUnreadable, Detail: "X-DocuSign-Authentication", Err: err, NextStep: "compare what the program sends with the forms in the README; a capture shows it masked"}
	}
	if !cred.Bearer.Empty() {
		return t.decideHeaderToken(ctx, cred, c)
	}
	d, lasting, err := t.Prove(ctx, cred, c.ActAs, c.Client)
	d.Conflict = len(c.Authorization) > 0
	if err == nil && lasting && single {
		t.decisions.Put(key, d)
	}
	return d, err
}

// decideHeaderToken looks at a token in the legacy header (PROTOCOL.md §1.4 V16). Unlike one in Authorization, DocuSign never gave it
// out for that place, so it is only observed where the key beside it says so.
func (t *Translator) decideHeaderToken(ctx context.Context, cred legacy.Credential, c *Call) (*Decision, error) {
	d, err := t.decideToken(ctx, cred.Bearer.Reveal(), c)
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

// DecideKeyAlone decides about a legacy header that has an integrator key and neither user nor password (PROTOCOL.md §1.2). It is nil
// for any other header. upstream is the header as it may leave: with the key and nothing else that stood there, unless it is observed.
func (t *Translator) DecideKeyAlone(header string) (d *Decision, upstream string, err error) {
	cred, err := legacy.ParseHeader(header, t.dir.isKey)
	var format *legacy.FormatError
	if !errors.As(err, &format) || !format.OnlyKey {
		return nil, "", nil
	}
	d = &Decision{Action: ActionPass, Key: cred.IntegratorKey, member: t.dir.byIntegratorKey(cred.IntegratorKey)}
	switch {
	case d.member == nil && t.cfg.ObserveUnknown:
		return d, header, nil
	case d.member == nil:
		return d, "", errUnknownKey()
	}
	d.Integration = d.member.Integration
	switch d.Integration.Mode {
	case integration.Block:
		return d, "", errBlocked()
	case integration.Observe:
		return d, header, nil
	}
	return d, legacy.Credential{Scheme: cred.Scheme, IntegratorKey: cred.IntegratorKey}.Header(secret.Text{}), nil
}

// Prove checks a credential that somebody has read, from wherever it came. lasting is false when the decision must not be remembered.
func (t *Translator) Prove(ctx context.Context, cred legacy.Credential, actAs string, client netip.Addr) (d *Decision, lasting bool, err error) {
	d = &Decision{Scheme: cred.Scheme, Key: cred.IntegratorKey, Authenticator: cred.Username}
	d.Principal = d.Authenticator
	if cred.OnBehalfOf != "" {
		d.Principal = cred.OnBehalfOf
	}
	if actAs != "" {
		d.Principal = actAs
	}
	d.member = t.dir.byIntegratorKey(cred.IntegratorKey)
	named := cred.Scheme == legacy.SOAPBody && cred.IntegratorKey == ""
	if named {
		if d.member = t.dir.byUser(cred.Username); d.member != nil {
			cred.IntegratorKey = d.member.IntegratorKey // one account of failures for a user, however the program names them
		}
	}
	if d.member == nil {
		if t.cfg.ObserveUnknown {
			d.Action = ActionObserve
			if t.cfg.OnUnknown != nil {
				t.cfg.OnUnknown(cred, actAs, client)
			}
			return d, false, nil
		}
		if named { // as slow as a wrong password, so that neither time nor cause tells who is configured
			_, _, err = t.prover.prove(ctx, attempt{client: client, username: cred.Username, candidates: cred.Passwords, slowest: t.slowest})
			return d, false, err
		}
		return d, false, errUnknownKey()
	}
	d.Integration = d.member.Integration
	switch d.Integration.Mode {
	case integration.Block:
		return d, false, errBlocked()
	case integration.Observe:
		d.Action = ActionObserve
		d.rehearse = &attemptedCall{cred: cred, actAs: actAs, client: client}
		return d, false, nil
	}
	lasting, err = t.proveMember(ctx, d, cred, client)
	return d, lasting, err
}

func (t *Translator) proveMember(ctx context.Context, d *Decision, cred legacy.Credential, client netip.Addr) (bool, error) {
	m := d.member
	u := m.users[legacy.Fold(cred.Username)]
	a := attempt{client: client, realm: m.IntegratorKey, username: cred.Username, candidates: cred.Passwords, slowest: m.slowest, known: u != nil}
	if d.Key == "" {
		a.slowest = t.slowest // looked up among the users of all integrations
	}
	if u != nil {
		d.setUser(u)
		a.username = u.Username
		a.accept = t.acceptIssued(m, u)
		if err := t.setPassword(&a, d, client); err != nil {
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
			if by, ok := t.issuedPassword(m, u, c); ok {
				d.vouchedBy = by
			}
		}
	}
	return lasting, t.checkPrincipal(d)
}

// setPassword finds what the attempt must match, or lets it pin the first password of a user who has none.
func (t *Translator) setPassword(a *attempt, d *Decision, client netip.Addr) error {
	if d.user.Password.Kind() == password.None && t.cfg.Pins != nil {
		d.pinned, d.unpinned = true, t.cfg.Pins.Unpinned()
	}
	a.password = t.passwordOf(d.member, d.user)
	if !d.pinned || a.password.Kind() != password.None || t.cfg.MayPin == nil || !t.cfg.MayPin(client) {
		return nil
	}
	if err := t.checkPrincipal(d); err != nil {
		return err // a call that is refused pins nothing
	}
	a.pin = func(first secret.Text) (password.Password, bool, error) {
		return t.pin(d.member, d.user, first, client)
	}
	return nil
}

func (d *Decision) setUser(u *integration.User) {
	if d.Principal == d.Authenticator {
		d.Principal = u.Username
	}
	d.user = u
	d.Authenticator = u.Username
}

// checkPrincipal refuses principals that the authenticator may not act for.
func (t *Translator) checkPrincipal(d *Decision) error {
	if !d.OnBehalf() || d.member.mayActFor(d.user, d.Principal) {
		return nil
	}
	return &call.Error{
		Kind:     call.KindNotAllowed,
		Detail:   d.member.shownName(d.Authenticator) + " may not act for " + d.member.shownName(d.Principal),
		NextStep: "if this is wanted, list the principal under may_act_for of the user",
	}
}

func (t *Translator) passwordOf(m *member, u *integration.User) password.Password {
	if u.Password.Kind() != password.None || t.cfg.Pins == nil {
		return u.Password
	}
	if hash, ok := t.cfg.Pins.Pinned(m.Name, u.Username); ok {
		if p, err := password.Bcrypt(hash); err == nil {
			return p
		}
	}
	return u.Password
}

// pin keeps the first password seen for a user whom the configuration lists without one. It returns the one that holds from then on,
// and whether it is this one: another call may have been quicker.
func (t *Translator) pin(m *member, u *integration.User, first secret.Text, client netip.Addr) (password.Password, bool, error) {
	switch {
	case first.Empty():
		return password.Password{}, false, &call.Error{
			Kind: call.KindBadLogin, Detail: "an empty password is not pinned", NextStep: "let the program send its password",
		}
	case len(first.Reveal()) > password.MaxBcrypt:
		return password.Password{}, false, &call.Error{
			Kind: call.KindBadLogin, Detail: "a password longer than 72 bytes cannot be pinned",
			NextStep: "set password of the user in the configuration: {file: …} or {argon2id: …}",
		}
	}
	hash, err := password.HashBcrypt(first, bcrypt.DefaultCost)
	if err != nil {
		return password.Password{}, false, &call.Error{Kind: call.KindInternal, Detail: "the password cannot be pinned", Err: err}
	}
	held, err := t.cfg.Pins.Pin(m.Name, u.Username, hash)
	if err != nil {
		return password.Password{}, false, &call.Error{
			Kind: call.KindInternal, Detail: "the password could not be pinned", Err: err, NextStep: "check that the store is writable",
		}
	}
	p, err := password.Bcrypt(held)
	if err != nil {
		return password.Password{}, false, &call.Error{Kind: call.KindInternal, Detail: "the pinned password cannot be read", Err: err}
	}
	if held == hash && t.cfg.OnPin != nil {
		t.cfg.OnPin(m.Name, u.Username, client)
	}
	return p, held == hash, nil
}

func (t *Translator) acceptIssued(m *member, u *integration.User) func(secret.Text) bool {
	if t.cfg.Issued == nil {
		return nil
	}
	return func(s secret.Text) bool {
		_, ok := t.issuedPassword(m, u, s)
		return ok
	}
}

// decideBearer looks at Authorization when there is no legacy header.
func (t *Translator) decideBearer(ctx context.Context, c *Call) (*Decision, error) {
	token, ok := legacy.Bearer(c.Authorization[0])
	if !ok || len(c.Authorization) > 1 {
		return &Decision{}, &call.Error{Kind: call.KindNoCredential, Detail: "Authorization is not a single bearer token"}
	}
	return t.decideToken(ctx, token, c)
}

func (t *Translator) decideToken(_ context.Context, token string, c *Call) (*Decision, error) {
	if d, err := t.ownToken(token, c.ActAs); d != nil {
		return d, err
	}
	if legacy.LooksLikeOAuth(token) {
		d := &Decision{Action: ActionPass, Scheme: legacy.OAuthBearer}
		t.attribute(d, token)
		if d.Integration != nil && !d.Integration.PassOAuthBearer {
			return d, &call.Error{Kind: call.KindOAuthRefused, Detail: "the program brings its own OAuth token", NextStep: "set pass_oauth_bearer: true to let it through"}
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

// ownToken finds a bearer token that the proxy issued or that the configuration imports (PROTOCOL.md §16 row 7).
func (t *Translator) ownToken(token, actAs string) (*Decision, error) {
	owner, ok := t.ownerOf(token)
	if !ok {
		return nil, nil
	}
	d := &Decision{Scheme: legacy.LegacyBearer, member: owner.member, Integration: owner.member.Integration, Key: owner.member.IntegratorKey, Authenticator: owner.user.Username, user: owner.user}
	d.Principal = d.Authenticator
	if owner.actsAs != "" {
		d.Principal = owner.actsAs
	}
	if actAs != "" {
		d.Principal = actAs
	}
	switch d.Integration.Mode {
	case integration.Block:
		return d, errBlocked()
	case integration.Observe:
		d.Action = ActionObserve
		return d, nil
	}
	d.vouchedBy = owner.fingerprint
	if owner.issued != nil {
		var err error
		if d.vouchedBy, ok, err = t.voucherInForce(*owner.issued, owner.member, owner.user); err != nil {
			return d, err
		} else if !ok {
			return d, &call.Error{
				Kind: call.KindUnknownToken, Detail: "the password that vouched for this token has changed",
				NextStep: "let the program log in again; if the password is the same, the key file beside the state file was lost: put it back from a backup",
			}
		}
	}
	return d, t.checkPrincipal(d)
}

func (t *Translator) ownerOf(token string) (tokenOwner, bool) {
	if o, ok := t.importedToken(token); ok {
		return o, true
	}
	if t.cfg.Issued == nil {
		return tokenOwner{}, false
	}
	owner, ok := t.cfg.Issued.Token(token)
	if !ok {
		return tokenOwner{}, false
	}
	m := t.dir.byName(owner.Integration)
	if m == nil {
		return tokenOwner{}, false
	}
	u := m.users[legacy.Fold(owner.Authenticator)]
	if u == nil {
		return tokenOwner{}, false // the user was taken out of the configuration
	}
	return tokenOwner{member: m, user: u, actsAs: owner.Principal, issued: &owner}, true
}

// Rehearse finds out whether an observed call could have been translated.
func (t *Translator) Rehearse(ctx context.Context, d *Decision) error {
	if d.member == nil {
		return &call.Error{Kind: call.KindUnknownKey, Detail: "the integrator key is not in the configuration", NextStep: "add an integration with this key"}
	}
	d = d.copied() // the call itself is answered and recorded meanwhile
	if d.rehearse != nil {
		if _, err := t.proveMember(ctx, d, d.rehearse.cred, d.rehearse.client); err != nil {
			return err
		}
	} else if err := t.checkPrincipal(d); err != nil {
		return err
	}
	if in := d.Integration; in.SOAP == integration.AppPassword && (d.Scheme == legacy.WSSecurity || d.Scheme == legacy.SOAPBody) {
		return d.CheckAppPassword() // no token goes upstream
	}
	if _, err := t.Token(ctx, d); err != nil {
		return err
	}
	_, err := t.Site(ctx, d, "") // needed as well, and observed calls are routed by what UserInfo says
	return err
}

// CheckAppPassword refuses users of soap: app_password for whom none is configured.
func (d *Decision) CheckAppPassword() error {
	if _, ok := d.AppPassword(); ok {
		return nil
	}
	return &call.Error{
		Kind:     call.KindTokenRefused,
		Detail:   "soap: app_password, but no App Password is configured for " + d.Authenticator,
		NextStep: "let the user make one under Security & Privacy in DocuSign and set app_password of the user",
	}
}

// asError makes err an *call.Error.
func asError(err error, fallback call.Kind, detail string) error {
	var e *call.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &call.Error{Kind: fallback, Detail: detail, Err: err}
}

// IsKey reports whether a text is a configured integrator key.
func (t *Translator) IsKey(s string) bool { return t.dir.isKey(s) }

// Observed gives a decision to forward calls with this integrator key unchanged, nil when they are not merely observed.
func (t *Translator) Observed(key string) *Decision {
	m := t.dir.byIntegratorKey(key)
	switch {
	case m == nil && t.cfg.ObserveUnknown:
		return &Decision{Action: ActionObserve, Key: key}
	case m != nil && m.Mode == integration.Observe:
		return &Decision{Action: ActionObserve, Key: key, member: m, Integration: m.Integration}
	}
	return nil
}

// WithConflict gives a copy of the decision that says that several credentials were present.
func (d *Decision) WithConflict() *Decision {
	c := d.copied()
	c.Conflict = true
	return c
}

func (d *Decision) copied() *Decision {
	c := &Decision{
		Action: d.Action, Scheme: d.Scheme, Integration: d.Integration, Key: d.Key, Authenticator: d.Authenticator, Principal: d.Principal,
		Conflict: d.Conflict, OwnToken: d.OwnToken, member: d.member, user: d.user, vouchedBy: d.vouchedBy, rehearse: d.rehearse,
	}
	c.target.p.Store(d.target.p.Load())
	c.target.info.Store(d.target.info.Load())
	return c
}
