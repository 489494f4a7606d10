package translate

import (
	"context"
	"errors"
	"net/url"
	"sync/atomic"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/oauth"
)

// tokens gets what the account server gives out for the principals of decisions.
type tokens struct {
	server *oauth.Client
	sites  *siteTable
}

// target is whose token a decision needs, once the principal's GUID is known.
type target struct {
	identity atomic.Pointer[oauth.Identity]
	info     atomic.Pointer[oauth.UserInfo] // last seen
}

// Token gives a live bearer token for the decision's principal.
func (t *tokens) Token(ctx context.Context, d *Decision) (*oauth.Token, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return nil, err
	}
	token, err := t.server.Token(ctx, id)
	if err == nil {
		return token, nil
	}
	var refused *oauth.GrantError
	if errors.As(err, &refused) && refused.Kind == oauth.UserNotFound && d.in.OAuth.AdminUserID != "" {
		// Somebody deleted the user and made it anew, perhaps: the GUID that was looked up is looked up again.
		t.server.DoubtUser(d.in.identity(d.in.OAuth.AdminUserID), d.Principal)
		d.target.identity.Store(nil)
	}
	return nil, d.grantError(d.Principal, err)
}

// ErrRefusedAgain is returned by Renew when another token would not help.
var ErrRefusedAgain = errors.New(
	"new tokens have been refused several times just now, so the token is not what is wrong")

// Renew gets another token after DocuSign refused the one used for u. The refused one is dropped; a newer one
// survives. The error is ErrRefusedAgain or an *call.Error.
func (t *tokens) Renew(ctx context.Context, d *Decision, used *oauth.Token, u oauth.Use) (*oauth.Token, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return nil, err
	}
	if !t.server.Invalidate(id, used, u) {
		return nil, ErrRefusedAgain
	}
	return t.Token(ctx, d)
}

// LoginTakesBearer reports whether login_information at that site is worth asking with a bearer token (PROTOCOL.md
// §2.5).
func (t *tokens) LoginTakesBearer(site *url.URL) bool { return !t.server.LoginRefusesBearer(site.Host) }

// LoginRefused is told that login_information refused a token; sure means that the token itself is known to be good.
// It returns the token to try instead, or nil when the site refuses every bearer, which is remembered for a while.
func (t *tokens) LoginRefused(
	ctx context.Context, d *Decision, used *oauth.Token, site *url.URL, sure bool,
) (*oauth.Token, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return nil, err
	}
	return t.server.LoginRefused(ctx, id, used, site.Host, sure)
}

// UserInfo gives the accounts and sites of the decision's principal.
func (t *tokens) UserInfo(ctx context.Context, d *Decision) (*oauth.UserInfo, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return nil, err
	}
	info, err := t.server.UserInfo(ctx, id)
	if err != nil {
		return nil, d.grantError(d.Principal, err)
	}
	if d.target.info.Swap(info) != info {
		t.sites.learn(d, info)
	}
	return info, nil
}

// identity finds whose token is needed: the principal's, never the authenticator's (PROTOCOL.md §0.3).
func (t *tokens) identity(ctx context.Context, d *Decision) (oauth.Identity, error) {
	if id := d.target.identity.Load(); id != nil {
		return *id, nil
	}
	userID, err := t.userID(ctx, d)
	if err != nil {
		return oauth.Identity{}, err
	}
	id := d.in.identity(userID)
	d.target.identity.Store(&id)
	return id, nil
}

func (t *tokens) userID(ctx context.Context, d *Decision) (string, error) {
	if !d.OnBehalf() && d.user != nil && d.user.UserID != "" {
		return d.user.UserID, nil
	}
	if id := d.in.userID(d.Principal); id != "" {
		return id, nil
	}
	if d.in.OAuth.AdminUserID == "" {
		return "", &call.Error{
			Kind: call.KindNotAllowed, Cause: cause.NoGUID, Detail: "no user GUID is known for " + d.Principal,
			Fill: []string{"user", d.in.shownName(d.Principal)},
		}
	}
	id, err := t.server.LookupUser(ctx, d.in.identity(d.in.OAuth.AdminUserID), d.Principal)
	if _, ok := errors.AsType[*oauth.LookupError](err); ok { // waiting does not help (PROTOCOL.md §8.3)
		return "", &call.Error{
			Kind: call.KindNotAllowed, Cause: cause.NotFoundByAdmin, Detail: "user look-up", Err: err,
			Fill: []string{"user", d.in.shownName(d.Principal)},
		}
	}
	return id, d.grantError(d.in.OAuth.AdminUserID, err)
}

// grantError says of an oauth error whether waiting helps, and whose token could not be had.
func (d *Decision) grantError(user string, err error) error {
	fill := []string{"user", d.in.shownName(user), "integration", d.Integration.Name}
	var refused *oauth.GrantError
	var known *call.Error
	late := errors.Is(err, context.DeadlineExceeded)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		kind := call.KindTokenRefused
		switch {
		case refused.Kind == oauth.StoreUnreachable:
			kind = call.KindStoreUnreachable
		case late:
			kind = call.KindTokenTimeout
		case refused.Temporary():
			kind = call.KindTokenUnavailable
		}
		return &call.Error{Kind: kind, Err: err, Fill: fill}
	case late:
		return &call.Error{Kind: call.KindTokenTimeout, Detail: "account server", Err: err, Fill: fill}
	case errors.As(err, &known):
		return err
	}
	return &call.Error{Kind: call.KindTokenUnavailable, Detail: "account server", Err: err, Fill: fill}
}

// Site is where a call goes.
type Site struct {
	Base      *url.URL // origin, https
	AccountID string   // GUID of the account; "" when the call names none that is known
	Info      *oauth.UserInfo
}

// Site picks the site of the account in the path (its GUID or number; "" = the default account) from UserInfo.
// An account that UserInfo does not list goes to the default account's site, where DocuSign will say what is wrong.
func (t *tokens) Site(ctx context.Context, d *Decision, account string) (Site, error) {
	info, err := t.UserInfo(ctx, d)
	if err != nil {
		return Site{}, err
	}
	return t.siteIn(ctx, d, info, account)
}

func (t *tokens) siteIn(ctx context.Context, d *Decision, info *oauth.UserInfo, account string) (Site, error) {
	if len(info.Accounts) == 0 {
		return Site{}, ErrNoMembership()
	}
	if account != "" {
		a := info.Account(account)
		if a == nil {
			a = info.Account(t.accountGUID(ctx, d, account))
		}
		if a != nil {
			return siteOf(info, a)
		}
	}
	s, err := siteOf(info, info.Default())
	s.AccountID = ""
	return s, err
}

// accountGUID finds out which account goes by that number, "" when nobody knows.
func (t *tokens) accountGUID(ctx context.Context, d *Decision, number string) string {
	if guid, listed := d.in.numbers[number]; listed || shown.GUID(number) {
		return guid
	}
	id, err := t.identity(ctx, d)
	if err != nil {
		return ""
	}
	guid, _ := t.server.LearnAccountID(ctx, id, number)
	return guid
}

func siteOf(info *oauth.UserInfo, a *oauth.Account) (Site, error) {
	if a.Untrusted != nil {
		detail := "base_uri of account " + a.AccountID + " is not believed"
		return Site{}, &call.Error{Kind: call.KindTokenUnavailable, Detail: detail, Err: a.Untrusted}
	}
	return Site{Base: a.BaseURI, AccountID: a.AccountID, Info: info}, nil
}

// MovedSite asks UserInfo again after a wrong-site answer and reports whether the account lives elsewhere now.
func (t *tokens) MovedSite(ctx context.Context, d *Decision, account string, was Site) (Site, bool, error) {
	id, err := t.identity(ctx, d)
	if err != nil {
		return was, false, err
	}
	info, _, err := t.server.RefreshUserInfo(ctx, id, was.Info, was.AccountID)
	if errors.Is(err, oauth.ErrTooSoon) {
		return was, false, nil
	}
	if err != nil {
		return was, false, d.grantError(d.Principal, err)
	}
	t.sites.learn(d, info)
	now, err := t.siteIn(ctx, d, info, account)
	if err != nil {
		return was, false, err
	}
	return now, now.Base.Host != was.Base.Host, nil
}
