package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/call"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
)

// TokenIssuer hands out the proxy's own secrets and takes them back.
type TokenIssuer interface {
	IssueToken(translate.TokenOwner) (secret.Text, error)
	IssuePassword(translate.TokenOwner) (secret.Text, error)
	Revoke(token string) (bool, error)
}

// answerEdit changes an upstream answer before it goes to the caller.
type answerEdit func(*http.Response) error

// serveLogin answers login_information: DocuSign's own answer rewritten, or one made from UserInfo when DocuSign refuses (PROTOCOL.md §2.5).
func (x *exchange) serveLogin(r *http.Request) {
	options := loginOptions(r.URL, x.route.api)
	if queryTrue(r.URL.Query(), "api_password") {
		p, err := x.issuePassword()
		if err != nil {
			x.refuse(r, err)
			return
		}
		options.APIPassword = p
	}
	if !x.state.Translator.LoginTakesBearer(x.site.Base) {
		answer, err := x.loginFromUserInfo(r, options)
		if err != nil {
			x.refuse(r, err)
			return
		}
		x.event.Detail = "login_information made from UserInfo, since DocuSign refused it to bearer tokens a moment ago"
		answer.WriteTo(&x.w, r)
		return
	}
	x.edit = func(resp *http.Response) error { return x.editLogin(r, resp, options) }
	x.send(r)
}

// issuePassword makes the secret that stands for the encrypted password; empty when the proxy issues none.
func (x *exchange) issuePassword() (secret.Text, error) {
	if x.state.Tokens == nil {
		return secret.Text{}, nil
	}
	owner, err := x.state.Translator.OwnerOf(x.decision)
	var p secret.Text
	if err == nil {
		p, err = x.state.Tokens.IssuePassword(owner)
	}
	if err != nil {
		return p, &call.Error{Detail: "an API password could not be stored", Err: err, NextStep: "check that the store's file is writable and the disk has room"}
	}
	return p, nil
}

func loginOptions(u *url.URL, api call.API) reply.LoginOptions {
	q := u.Query()
	o := reply.LoginOptions{
		IncludeGUID:   queryTrue(q, "include_account_id_guid"),
		EmbedGUID:     queryTrue(q, "embed_account_id_guid"),
		LoginSettings: strings.EqualFold(q.Get("login_settings"), "all"),
		Version:       "v2",
	}
	if api == call.APIRest21 {
		o.Version = "v2.1"
	}
	return o
}

func queryTrue(q url.Values, name string) bool {
	for key, values := range q {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return strings.EqualFold(values[0], "true") || values[0] == "1"
		}
	}
	return false
}

// editLogin turns DocuSign's answer into the one this caller needs.
func (x *exchange) editLogin(r *http.Request, resp *http.Response, o reply.LoginOptions) error {
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return nil // DocuSign's own trouble is passed on; making an answer up would only hide it
	}
	if resp.StatusCode == http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(resp.Body, reply.MaxLoginInformation+1))
		if err != nil {
			return fmt.Errorf("read login_information: %w", err)
		}
		edited, err := reply.RewriteLoginInformation(body, resp.Header.Get("Content-Type"), x.loginURL(r), reply.RewriteOptions{APIPassword: o.APIPassword})
		if err == nil && resp.Header.Get("Content-Encoding") == "" {
			replaceBody(resp, edited)
			if !o.APIPassword.Empty() {
				resp.Header.Set("Cache-Control", "no-store")
			}
			return nil
		}
	}
	answer, err := x.loginFromUserInfo(r, o)
	if err != nil {
		return err
	}
	x.event.Detail = fmt.Sprintf("login_information made from UserInfo, since DocuSign answered %d", resp.StatusCode)
	x.event.Cause = ""
	replaceAnswer(resp, answer)
	return nil
}

func replaceBody(resp *http.Response, body []byte) {
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	setLength(resp)
	for _, stale := range [...]string{"Etag", "Content-Md5", "Digest", "Transfer-Encoding"} {
		resp.Header.Del(stale)
	}
}

// setLength writes the length of an edited body into the head.
func setLength(resp *http.Response) {
	resp.TransferEncoding = nil
	resp.Header.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
}

func replaceAnswer(resp *http.Response, a reply.Answer) {
	drain(resp)
	resp.StatusCode, resp.Status = a.Status, fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	for _, stale := range [...]string{"Content-Encoding", "Www-Authenticate", "Content-Type"} {
		resp.Header.Del(stale)
	}
	for name, values := range a.Header {
		resp.Header[name] = values
	}
	replaceBody(resp, a.Body)
}

// loginURL gives the rewriting of base URLs for a translated call: by the site that UserInfo names for the account. The
// account id in the path stays as the caller knows it.
func (x *exchange) loginURL(r *http.Request) reply.Rewrite {
	return func(base string, _ []string) string {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" {
			return base
		}
		rt := classify(http.MethodGet, u.Path, "")
		site := x.site.Base
		if rt.account != "" {
			if s, err := x.state.Translator.Site(r.Context(), x.decision, rt.account); err == nil {
				site = s.Base
			}
		}
		return x.leadBack(r, base, site)
	}
}

// baseURL gives the rewriting of base URLs in an answer to the program's own credential. The sites that it names are
// remembered: the program's next calls name an account and no site.
func (x *exchange) baseURL(r *http.Request) reply.Rewrite {
	return func(base string, ids []string) string {
		u, err := url.Parse(base)
		if err != nil {
			return base
		}
		site := x.docuSignSite(u.Host)
		if site == nil {
			return base
		}
		if account := classify(http.MethodGet, u.Path, "").account; account != "" {
			ids = append(ids, account)
		}
		x.state.Translator.LearnSite(x.decision, ids, site)
		return x.leadBack(r, base, site)
	}
}

// leadBack writes the caller's way to a site in front of a URL.
func (x *exchange) leadBack(r *http.Request, text string, site *url.URL) string {
	out := withOrigin(text, x.origin(r, site))
	if out != text {
		x.event.Rewritten++
	}
	return out
}

// editObserved is editLogin for calls that are not translated: nothing but the URLs changes.
func (x *exchange) editObserved(r *http.Request, resp *http.Response) error {
	return editAnswer(resp, func(body []byte, contentType string) ([]byte, error) {
		return reply.RewriteLoginInformation(body, contentType, x.baseURL(r), reply.RewriteOptions{URLsOnly: true})
	})
}

// editAnswer edits the body of a log-in answer. One that cannot be edited passes as it is.
func editAnswer(resp *http.Response, edit func(body []byte, contentType string) ([]byte, error)) error {
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, reply.MaxLoginInformation+1))
	if err != nil {
		return fmt.Errorf("read log-in answer: %w", err)
	}
	if len(body) > reply.MaxLoginInformation {
		resp.Body = &joinedBody{Reader: io.MultiReader(bytes.NewReader(body), resp.Body), Closer: resp.Body}
		return nil
	}
	if edited, err := edit(body, resp.Header.Get("Content-Type")); err == nil {
		body = edited
	}
	replaceBody(resp, body)
	return nil
}

// loginFromUserInfo makes the answer that DocuSign refuses to give.
func (x *exchange) loginFromUserInfo(r *http.Request, o reply.LoginOptions) (reply.Answer, error) {
	accounts, err := x.loginAccounts(r)
	if err != nil {
		return reply.Answer{}, err
	}
	return x.restCaller(r).LoginInformation(accounts, o), nil
}

func (x *exchange) loginAccounts(r *http.Request) ([]reply.LoginAccount, error) {
	info, err := x.state.Translator.UserInfo(r.Context(), x.decision)
	if err != nil {
		return nil, err
	}
	def := info.Default()
	var accounts []reply.LoginAccount
	for i := range info.Accounts {
		a := &info.Accounts[i]
		if a.Untrusted != nil {
			continue
		}
		x.event.Rewritten++
		accounts = append(accounts, x.loginAccount(r, info, a, a == def))
	}
	if len(info.Accounts) == 0 {
		return nil, translate.ErrNoMembership()
	}
	if len(accounts) == 0 {
		return nil, &call.Error{Kind: call.KindTokenRefused, Detail: "UserInfo lists no account that can be used"}
	}
	return accounts, nil
}

func (x *exchange) loginAccount(r *http.Request, info *oauth.UserInfo, a *oauth.Account, isDefault bool) reply.LoginAccount {
	return reply.LoginAccount{
		Name:        a.Name,
		AccountID:   x.decision.AccountNumber(a.AccountID),
		AccountGUID: a.AccountID,
		BaseURL:     strings.TrimSuffix(x.origin(r, a.BaseURI).String(), "/"),
		IsDefault:   isDefault,
		UserName:    info.Name,
		UserID:      info.Sub,
		Email:       info.Email,
	}
}
