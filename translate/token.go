package translate

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// targetCell holds whose token a decision needs, once the principal's GUID is known.
type targetCell struct {
	p    atomic.Pointer[oauth.Identity]
	info atomic.Pointer[oauth.UserInfo] // last seen
}

// Token gives a live bearer token for the decision's principal.
func (t *Translator) Token(ctx context.Context, d *Decision) (*oauth.Token, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return nil, err
	}
	return t.tokenOf(ctx, d, id)
}

func (t *Translator) tokenOf(ctx context.Context, d *Decision, id oauth.Identity) (*oauth.Token, error) {
	tok, err := t.cfg.OAuth.Token(ctx, id)
	if err == nil {
		return tok, nil
	}
	var ge *oauth.GrantError
	if errors.As(err, &ge) && ge.Kind == oauth.UserNotFound && d.member.OAuth.AdminUserID != "" {
		// Somebody deleted the user and made it anew, perhaps: the GUID that was looked up is looked up again.
		t.cfg.OAuth.DoubtUser(d.member.identity(d.member.OAuth.AdminUserID), d.Principal)
		d.target.p.Store(nil)
	}
	return nil, grantError(err)
}

// ErrRefusedAgain is returned by Renew when another token would not help.
var ErrRefusedAgain = errors.New("new tokens have been refused several times just now, so the token is not what is wrong")

// Renew gets another token after DocuSign refused the one used for u. The refused one is dropped; a newer one
// survives. The error is ErrRefusedAgain or an *call.Error.
func (t *Translator) Renew(ctx context.Context, d *Decision, used *oauth.Token, u oauth.Use) (*oauth.Token, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return nil, err
	}
	if !t.cfg.OAuth.Invalidate(id, used, u) {
		return nil, ErrRefusedAgain
	}
	return t.tokenOf(ctx, d, id)
}

// LoginTakesBearer reports whether login_information at that site is worth asking with a bearer token (PROTOCOL.md
// §2.5).
func (t *Translator) LoginTakesBearer(site *url.URL) bool {
	return !t.cfg.OAuth.LoginRefusesBearer(site.Host)
}

// LoginRefused is told that login_information refused a token; sure means that the token itself is known to be good.
// It returns the token to try instead, or nil when the site refuses every bearer, which is remembered for a while.
func (t *Translator) LoginRefused(
	ctx context.Context, d *Decision, used *oauth.Token, site *url.URL, sure bool,
) (*oauth.Token, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return nil, err
	}
	return t.cfg.OAuth.LoginRefused(ctx, id, used, site.Host, sure)
}

// UserInfo gives the accounts and sites of the decision's principal.
func (t *Translator) UserInfo(ctx context.Context, d *Decision) (*oauth.UserInfo, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return nil, err
	}
	info, err := t.cfg.OAuth.UserInfo(ctx, id)
	if err != nil {
		return nil, grantError(err)
	}
	if d.target.info.Swap(info) != info {
		t.sites.learn(d, info)
	}
	return info, nil
}

// identity finds whose token is needed: the principal's, never the authenticator's (PROTOCOL.md §0.3).
func (t *Translator) identity(ctx context.Context, d *Decision) (oauth.Identity, error) {
	if id := d.target.p.Load(); id != nil {
		return *id, nil
	}
	sub, err := t.subject(ctx, d)
	if err != nil {
		return oauth.Identity{}, err
	}
	id := d.member.identity(sub)
	d.target.p.Store(&id)
	return id, nil
}

func (t *Translator) subject(ctx context.Context, d *Decision) (string, error) {
	if !d.OnBehalf() && d.user != nil && d.user.UserID != "" {
		return d.user.UserID, nil
	}
	if id := d.member.userID(d.Principal); id != "" {
		return id, nil
	}
	if d.member.OAuth.AdminUserID == "" {
		return "", &call.Error{Kind: call.KindNotAllowed, Detail: "no user GUID is known for " + d.Principal, NextStep: "add the user's GUID (user_id) to the configuration, or set oauth.admin_user_id so that the proxy can look it up"}
	}
	id, err := t.cfg.OAuth.LookupUser(ctx, d.member.identity(d.member.OAuth.AdminUserID), d.Principal)
	var missing *oauth.LookupError
	switch {
	case errors.As(err, &missing): // waiting does not help (PROTOCOL.md §8.3)
		next := "add the user to an account that the administrator sees, or the user's GUID (user_id) to the configuration"
		return "", &call.Error{Kind: call.KindNotAllowed, Detail: "user look-up", Err: err, NextStep: next}
	case err != nil:
		return "", grantError(err)
	}
	return id, nil
}

// grantError keeps the operator's words of an oauth error and says whether waiting helps.
func grantError(err error) error {
	var ge *oauth.GrantError
	if errors.As(err, &ge) {
		kind := call.KindTokenRefused
		if ge.Temporary() {
			kind = call.KindTokenUnavailable
		}
		if errors.Is(err, context.DeadlineExceeded) {
			kind = call.KindTokenTimeout
		}
		return &call.Error{Kind: kind, Err: err, NextStep: ge.NextStep()}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &call.Error{Kind: call.KindTokenTimeout, Detail: "account server", Err: err, NextStep: "check the way to the account server: docusign-auth-proxy doctor"}
	}
	return asError(err, call.KindTokenUnavailable, "account server")
}

// Site is where a call goes.
type Site struct {
	Base      *url.URL // origin, https
	AccountID string   // GUID of the account; "" when the call names none that is known
	Info      *oauth.UserInfo
}

// Site picks the site of the account in the path (its GUID or number; "" = the default account) from UserInfo.
// An account that UserInfo does not list goes to the default account's site, where DocuSign will say what is wrong.
func (t *Translator) Site(ctx context.Context, d *Decision, account string) (Site, error) {
	info, err := t.UserInfo(ctx, d)
	if err != nil {
		return Site{}, err
	}
	return t.siteIn(ctx, d, info, account)
}

func (t *Translator) siteIn(ctx context.Context, d *Decision, info *oauth.UserInfo, account string) (Site, error) {
	if len(info.Accounts) == 0 {
		return Site{}, ErrNoMembership()
	}
	if account == "" {
		return defaultSite(info)
	}
	if a := info.Account(account); a != nil {
		return siteOf(info, a)
	}
	guid, ok := d.member.numbers[account]
	if !ok && !shown.GUID(account) {
		if id, err := t.identity(ctx, d); err == nil {
			guid, err = t.cfg.OAuth.LearnAccountID(ctx, id, account)
			ok = err == nil
		}
	}
	if ok {
		if a := info.Account(guid); a != nil {
			return siteOf(info, a)
		}
	}
	return defaultSite(info)
}

func defaultSite(info *oauth.UserInfo) (Site, error) {
	s, err := siteOf(info, info.Default())
	s.AccountID = ""
	return s, err
}

func siteOf(info *oauth.UserInfo, a *oauth.Account) (Site, error) {
	if a.Untrusted != nil {
		next := "if the address is right, add its domain to egress.hosts"
		var known interface{ NextStep() string }
		if errors.As(a.Untrusted, &known) {
			next = known.NextStep()
		}
		detail := "base_uri of account " + a.AccountID + " is not believed"
		return Site{}, &call.Error{Kind: call.KindTokenUnavailable, Detail: detail, Err: a.Untrusted, NextStep: next}
	}
	return Site{Base: a.BaseURI, AccountID: a.AccountID, Info: info}, nil
}

// MovedSite asks UserInfo again after a wrong-site answer and reports whether the account lives elsewhere now.
func (t *Translator) MovedSite(ctx context.Context, d *Decision, account string, was Site) (Site, bool, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return was, false, err
	}
	info, _, err := t.cfg.OAuth.RefreshUserInfo(ctx, id, was.Info, was.AccountID)
	var soon *oauth.TooSoonError
	if errors.As(err, &soon) {
		return was, false, nil
	}
	if err != nil {
		return was, false, grantError(err)
	}
	t.sites.learn(d, info)
	now, err := t.siteIn(ctx, d, info, account)
	if err != nil {
		return was, false, err
	}
	return now, now.Base.Host != was.Base.Host, nil
}

// AccountNumber gives the number under which the integration knows an account, "" when it knows none.
func (d *Decision) AccountNumber(guid string) string {
	if d.member == nil {
		return ""
	}
	return d.member.guids[legacy.Fold(guid)]
}

// AccountGUID gives the GUID of an account number that the configuration lists, "" when it lists none.
func (d *Decision) AccountGUID(number string) string {
	if d.member == nil {
		return ""
	}
	return d.member.numbers[number]
}

// AppPassword gives the authenticator's App Password; ok is false when none is configured.
func (d *Decision) AppPassword() (p secret.Text, ok bool) {
	if d.user == nil || d.user.AppPassword.Empty() {
		return p, false
	}
	return d.user.AppPassword, true
}

func (t *Translator) importedToken(token string) (tokenOwner, bool) {
	if len(t.dir.imported) == 0 {
		return tokenOwner{}, false
	}
	o, ok := t.dir.imported[sha256.Sum256([]byte(token))]
	return o, ok
}

const maxSites = 10_000

// siteTable remembers the site and the integration of each account that UserInfo named, for calls that bring their own OAuth token
// and so cannot be asked about.
type siteTable struct {
	mu    sync.RWMutex
	rows  map[string]siteRow  // folded account GUID or number
	hosts map[string]struct{} // host[:port] of all sites
}

type siteRow struct {
	base        *url.URL
	integration string
	shared      bool // several integrations use the account
}

func newSiteTable() *siteTable {
	return &siteTable{rows: map[string]siteRow{}, hosts: map[string]struct{}{}}
}

func (s *siteTable) learn(d *Decision, info *oauth.UserInfo) {
	for _, a := range info.Accounts {
		if a.Untrusted != nil {
			continue
		}
		s.put(legacy.Fold(a.AccountID), a.BaseURI, d.member.Name)
		if number := d.AccountNumber(a.AccountID); number != "" {
			s.put(number, a.BaseURI, d.member.Name)
		}
	}
}

// put reports whether the site of the account is news.
func (s *siteTable) put(account string, base *url.URL, integration string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[account]
	if !ok && len(s.rows) >= maxSites {
		return false
	}
	if integration == "" {
		integration = row.integration // an unknown program says nothing about who else uses the account
	}
	s.hosts[base.Host] = struct{}{}
	shared := row.shared || row.integration != "" && row.integration != integration
	s.rows[account] = siteRow{base: base, integration: integration, shared: shared}
	return !ok || row.base.Host != base.Host
}

func (s *siteTable) get(account string) (siteRow, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	row, ok := s.rows[legacy.Fold(account)]
	return row, ok
}

// KnowsHost reports whether UserInfo has named this host[:port] as the believed site of some account.
func (t *Translator) KnowsHost(authority string) bool {
	t.sites.mu.RLock()
	defer t.sites.mu.RUnlock()
	_, ok := t.sites.hosts[authority]
	return ok
}

// maxAccountID is longer than any account's GUID in braces or number.
const maxAccountID = 40

// LearnSite remembers the site of an account that DocuSign named to the program itself, by all ids that it goes by.
func (t *Translator) LearnSite(d *Decision, ids []string, base *url.URL) {
	name := ""
	if d.member != nil {
		name = d.member.Name
	}
	for _, id := range ids {
		if id = legacy.Fold(id); id == "" || len(id) > maxAccountID {
			continue
		}
		if t.sites.put(id, base, name) && t.cfg.OnSite != nil {
			t.cfg.OnSite(id, base)
		}
	}
}

// KnownSite gives the site of an account that some call has asked about, nil when none has, and fills in
// the integration of a decision about a call with its own OAuth token where only one integration uses the account.
func (t *Translator) KnownSite(d *Decision, account string) *url.URL {
	row, ok := t.sites.get(account)
	if !ok {
		return nil
	}
	if d.Action == ActionPass && d.Integration == nil && !row.shared {
		if m := t.dir.byName(row.integration); m != nil {
			d.member, d.Integration = m, m.Integration
		}
	}
	return row.base
}
