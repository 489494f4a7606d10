package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/reply"
)

// serveLogin answers login_information: DocuSign's own answer rewritten, or one made from UserInfo when DocuSign
// refuses (PROTOCOL.md §2.5).
func serveLogin(c *incoming, f *forward) (next, error) {
	options, password := reply.LoginOptionsOf(c.r.URL.Query())
	if c.route.API == call.APIRest21 {
		options.Version = "v2.1"
	}
	if password {
		p, err := issuePassword(c)
		if err != nil {
			return next{}, err
		}
		options.APIPassword = p
	}
	if !c.state.Translator.LoginTakesBearer(c.site.Base) {
		accounts, err := loginAccounts(c)
		if err != nil {
			return next{}, err
		}
		c.event.Detail = "login_information made from UserInfo, since DocuSign refused it to bearer tokens a moment ago"
		return answered(c.replier().LoginInformation(accounts, options))
	}
	f.edit = func(resp *http.Response) error { return editLogin(c, resp, options) }
	return next{forward: f}, nil
}

// issuePassword makes the secret that stands for the encrypted password; empty when the proxy issues none.
func issuePassword(c *incoming) (secret.Text, error) {
	if c.state.Tokens == nil {
		return secret.Text{}, nil
	}
	owner, err := c.state.Translator.OwnerOf(c.decision)
	var p secret.Text
	if err == nil {
		p, err = c.state.Tokens.IssuePassword(owner)
	}
	if err != nil {
		return p, (&call.Error{Cause: cause.StoreUnwritable, Detail: "an API password could not be stored"}).Around(err)
	}
	return p, nil
}

// editLogin turns DocuSign's answer into the one this caller needs.
func editLogin(c *incoming, resp *http.Response, o reply.LoginOptions) error {
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return nil // DocuSign's own trouble is passed on; making an answer up would only hide it
	}
	if resp.StatusCode == http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, reply.MaxLoginInformation+1))
		if err != nil {
			return fmt.Errorf("read login_information: %w", err)
		}
		edited, err := reply.RewriteLoginInformation(
			text, resp.Header.Get("Content-Type"), c.siteURL, reply.RewriteOptions{APIPassword: o.APIPassword})
		if err == nil && resp.Header.Get("Content-Encoding") == "" {
			body.Replace(resp, edited)
			if !o.APIPassword.Empty() {
				resp.Header.Set("Cache-Control", "no-store")
			}
			return nil
		}
	}
	accounts, err := loginAccounts(c)
	if err != nil {
		return err
	}
	c.event.Detail = fmt.Sprintf("login_information made from UserInfo, since DocuSign answered %d", resp.StatusCode)
	c.event.Cause = ""
	replaceAnswer(resp, c.replier().LoginInformation(accounts, o))
	return nil
}

// editObservedLogin is editLogin for calls that are not translated: nothing but the URLs changes.
func editObservedLogin(c *incoming, resp *http.Response) error {
	return body.Edit(resp, reply.MaxLoginInformation, func(text []byte) ([]byte, error) {
		o := reply.RewriteOptions{URLsOnly: true}
		return reply.RewriteLoginInformation(text, resp.Header.Get("Content-Type"), c.learntURL, o)
	})
}

// siteURL rewrites a base URL for a translated call: by the site that UserInfo names for the account. The account id in
// the path stays as the caller knows it.
func (c *incoming) siteURL(base string, _ []string) string {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return base
	}
	site := c.site.Base
	if account := route.Classify(http.MethodGet, u.Path, "").Account; account != "" {
		if s, err := c.state.Translator.Site(c.r.Context(), c.decision, account); err == nil {
			site = s.Base
		}
	}
	return c.leadBack(base, site)
}

// learntURL rewrites a URL of DocuSign's in an answer to the program's own credential, or to none. The site that it
// names for an account is remembered: the program's next calls name an account and no site.
func (c *incoming) learntURL(base string, ids []string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	site := c.docuSignSite(u.Host)
	if site == nil {
		return base
	}
	if account := route.Classify(http.MethodGet, u.Path, "").Account; account != "" {
		ids = append(ids, account)
	}
	c.state.Translator.LearnSite(c.decision, ids, site)
	return c.leadBack(base, site)
}

// loginAccounts are the accounts of the answer that DocuSign refuses to give.
func loginAccounts(c *incoming) ([]reply.LoginAccount, error) {
	info, err := c.state.Translator.UserInfo(c.r.Context(), c.decision)
	if err != nil {
		return nil, err
	}
	var accounts []reply.LoginAccount
	for _, a := range info.Routable() {
		c.event.Rewritten++
		accounts = append(accounts, reply.LoginAccount{
			Name:        a.Name,
			AccountID:   c.decision.AccountNumber(a.AccountID),
			AccountGUID: a.AccountID,
			BaseURL:     strings.TrimSuffix(c.origin(a.BaseURI).String(), "/"),
			IsDefault:   a == info.Default(),
			UserName:    info.Name,
			UserID:      info.Sub,
			Email:       info.Email,
		})
	}
	if len(accounts) == 0 {
		return nil, errNoAccount(len(info.Accounts))
	}
	return accounts, nil
}

// errNoAccount says that UserInfo lists no account, or none of so many that may be used.
func errNoAccount(listed int) error {
	if listed == 0 {
		return translate.ErrNoMembership()
	}
	const none = "UserInfo lists no account that can be used"
	return &call.Error{Kind: call.KindTokenRefused, Cause: cause.UntrustedSite, Detail: none}
}
