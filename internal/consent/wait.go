package consent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/oauth"
)

// BrowserOptions are common to the commands that wait for a browser.
type BrowserOptions struct {
	Config, User, Integration, Listen string
	ListenChosen                      bool
	Timeout                           time.Duration
	JSON                              bool // the result; what else is said goes to Log then
	Out, Log                          io.Writer
}

// browserResult is what such a command has to tell in the end.
type browserResult struct {
	Integration string `json:"integration"`
	User        string `json:"user"`
	UserID      string `json:"user_id,omitempty"`
	Email       string `json:"email,omitempty"`
	Good        bool   `json:"ok"`
	Text        string `json:"text"`
	Next        string `json:"next,omitempty"`
}

// Wait prints the page of one user, waits for the browser and proves the consent with a token.
func Wait(ctx context.Context, f BrowserOptions) error {
	cfg, err := config.Load(f.Config)
	if err != nil {
		return withNext(err, "docusign-auth-proxy doctor --config "+f.Config)
	}
	in, who, err := f.pick(cfg, integration.JWT)
	if err != nil {
		return err
	}
	client, closeClient, err := app.TokensOnly(cfg)
	if err != nil {
		return err
	}
	defer closeClient()
	b, err := newBrowserWait(in.OAuth.RedirectURI, f.Listen, f.ListenChosen)
	if err != nil {
		return err
	}
	defer b.close()
	consent := oauth.Consent{AccountServer: cfg.AccountServer.String(), ClientID: in.OAuth.ClientID,
		Scopes: in.OAuth.Scopes.String(), RedirectURI: b.URI, State: b.State}
	f.say("redirect URI, to be registered with key %s letter for letter (DocuSign, Admin, Apps and Keys):\n  "+
		"%s\nopen this page in a browser on this machine, log in as %s and accept:\n  %s\nwaiting for the browser, "+
		"at most %s\n",
		consent.ClientID, b.URI, who.Username, consent.Individual()+loginHint(who.Username), f.Timeout)
	back, err := f.await(ctx, b)
	if err != nil {
		return err
	}
	result := browserResult{Integration: in.Name, User: who.Username, UserID: who.UserID, Text: back.failed}
	if back.failed == "" {
		result = proveConsent(ctx, client, in, result)
	}
	if result.Good && app.AskRetry(ctx, cfg) {
		result.Next = "nothing; the running proxy was told, and takes it up with the next call"
	}
	return f.finish(back, result, "Consent works")
}

// proveConsent asks for a token with the private key.
func proveConsent(ctx context.Context, client *oauth.Client, in *integration.Integration,
	r browserResult) browserResult {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout-10*time.Second)
	defer cancel()
	scopes := in.OAuth.Scopes.String()
	id := oauth.Identity{Issuer: in.OAuth.ClientID, Subject: r.UserID, Scopes: scopes}
	var err error
	if id.Subject == "" {
		admin := oauth.Identity{Issuer: id.Issuer, Subject: in.OAuth.AdminUserID, Scopes: scopes}
		if id.Subject, err = client.LookupUser(ctx, admin, r.User); err != nil {
			r.Text, r.Next = "the consent was given, but the user's GUID is not known: "+err.Error(),
				"add user_id to the user in the configuration"
			return r
		}
		r.UserID = id.Subject
	}
	client.Retry(id)
	info, err := client.UserInfo(ctx, id)
	var ge *oauth.GrantError
	switch {
	case err == nil:
		r.Good, r.Email = true, info.Email
		r.Text = fmt.Sprintf("DocuSign gives a token for %s (%s, %s)", r.User, info.Name, id.Subject)
		r.Next = "nothing; a running proxy takes it up with the first call after 15 seconds"
	case errors.As(err, &ge) && ge.Kind == oauth.ConsentRequired:
		r.Text = "somebody consented, but not " + r.User + ": DocuSign still asks for their consent. Whoever was " +
			"logged in to DocuSign in that browser has consented instead"
		r.Next = "run this again and open the page in a private window, logged in as " + r.User
	case errors.As(err, &ge):
		r.Text, r.Next = "the consent was given, but there is no token yet: "+ge.Error(), ge.NextStep()
	default:
		r.Text, r.Next = "the consent was given, but UserInfo failed: "+err.Error(), "run docusign-auth-proxy doctor"
	}
	return r
}

// pick finds the one user of the one integration that is meant.
func (f *BrowserOptions) pick(
	cfg *config.Config, grant integration.Grant,
) (*integration.Integration, integration.User, error) {
	type choice struct {
		in *integration.Integration
		m  integration.User
	}
	var found, other []choice
	for i := range cfg.Integrations {
		in := &cfg.Integrations[i]
		if in.Mode != integration.Translate || f.Integration != "" && in.Name != f.Integration {
			continue
		}
		for _, m := range in.People() {
			if f.User != "" && !app.Is(m, f.User) {
				continue
			}
			if in.Grant == grant {
				found = append(found, choice{in, m})
			} else {
				other = append(other, choice{in, m})
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0].in, found[0].m, nil
	case len(found) == 0 && len(other) > 0 && grant == integration.JWT:
		return nil, integration.User{}, fmt.Errorf("integration %s has grant: authorization_code, for which consent is "+
			"part of the login\nnext: docusign-auth-proxy login --config %s --user %s", other[0].in.Name, f.Config,
			other[0].m.Username)
	case len(found) == 0 && len(other) > 0:
		return nil, integration.User{}, fmt.Errorf("integration %s has grant: jwt and needs no login, but the user's "+
			"consent\nnext: docusign-auth-proxy consent wait --config %s --user %s; or set grant: authorization_code",
			other[0].in.Name, f.Config, other[0].m.Username)
	case len(found) == 0 && f.User == "":
		return nil, integration.User{}, errors.New("no integration with mode: translate has a user\nnext: add users to " +
			"the configuration")
	case len(found) == 0:
		return nil, integration.User{}, noSuchUser(cfg, f.User)
	}
	var names []string
	for _, c := range found {
		names = append(names, "--integration "+c.in.Name+" --user "+c.m.Username)
	}
	return nil, integration.User{}, fmt.Errorf("more than one user could be meant\nnext: choose with one of\n  %s",
		strings.Join(names[:min(len(names), 20)], "\n  "))
}

// say talks to the operator; with --json that is not the result.
func (f *BrowserOptions) say(format string, values ...any) {
	w := f.Out
	if f.JSON {
		w = f.Log
	}
	fmt.Fprintf(w, format, values...)
}

func (f *BrowserOptions) await(ctx context.Context, b *browserWait) (returned, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	back, err := b.wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return back, fmt.Errorf("no browser came back within %s\nnext: if DocuSign showed an error about the "+
			"redirect URI, register %s with the integration key; then run this again", f.Timeout, b.URI)
	}
	if err != nil {
		return back, errors.New("stopped before a browser came back; nothing was changed")
	}
	return back, nil
}

// finish shows the result in the browser and on the terminal.
func (f *BrowserOptions) finish(back returned, r browserResult, title string) error {
	page := browserPage{Good: r.Good, Title: title, Lines: []string{r.Text + ".", "You can close this window."},
		statusCode: http.StatusOK}
	if !r.Good {
		page.Title, page.Lines = "That did not work", []string{r.Text + "."}
		if r.Next != "" {
			page.Lines = append(page.Lines, "Next: "+r.Next+".")
		}
	}
	back.page <- page
	if f.JSON {
		if err := shown.JSON(f.Out, r); err != nil {
			return err
		}
	} else {
		mark := map[bool]string{true: "ok", false: "FAIL"}[r.Good]
		fmt.Fprintf(f.Out, "%s: %s\n", mark, r.Text)
		if r.Next != "" {
			fmt.Fprintf(f.Out, "next: %s\n", r.Next)
		}
	}
	if !r.Good {
		return app.ExitError{Code: 2}
	}
	return nil
}
