package consent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
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
	cfg, c, err := f.pick(integration.JWT)
	if err != nil {
		return err
	}
	client, closeClient := app.TokensOnly(cfg)
	defer closeClient()
	return f.run(ctx, c, steps{
		ask: ", log in as " + c.Username + " and accept", done: "Consent works",
		page: func(uri, state string) string {
			page := consentOf(cfg, c.in)
			page.RedirectURI, page.State = uri, state
			return cause.ConsentPage(page.Individual(), c.Username)
		},
		prove: func(ctx context.Context, _ secret.Text, r *browserResult) {
			f.proveConsent(ctx, client, c, r)
			if r.Good && app.AskRetry(ctx, cfg) {
				r.Next = "nothing; the running proxy was told, and takes it up with the next call"
				if cfg.Store.Redis != nil {
					r.Next = "nothing; all replicas were told, and take it up with the next call"
				}
			}
		},
	})
}

// proveConsent asks for a token with the private key.
func (f *BrowserOptions) proveConsent(ctx context.Context, client *oauth.Client, c choice, r *browserResult) {
	in := c.in
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	id := oauth.Identity{Issuer: in.OAuth.ClientID, Subject: r.UserID, Scopes: in.OAuth.Scopes.String()}
	if id.Subject == "" {
		admin := id
		admin.Subject = in.OAuth.AdminUserID
		guid, err := client.LookupUser(ctx, admin, r.User)
		if err != nil {
			r.Text, r.Next = "the consent was given, but the user's GUID is not known: "+err.Error(), f.nextStep(err, c)
			return
		}
		id.Subject, r.UserID = guid, guid
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
		r.Text = "somebody consented, but not " + r.User + ": DocuSign still asks for their consent. Whoever was logged in " +
			"to DocuSign in that browser has consented instead"
		r.Next = "run this again and open the page in a private window, logged in as " + r.User
	case errors.As(err, &ge):
		r.Text, r.Next = "the consent was given, but there is no token yet: "+ge.Error(), f.nextStep(err, c)
	default:
		r.Text, r.Next = "the consent was given, but UserInfo failed: "+err.Error(), f.nextStep(err, c)
	}
}

// nextStep is what the table of causes says about an error of the account server, as it would stand in the log.
func (f *BrowserOptions) nextStep(err error, c choice) string {
	fill := []string{"user", c.Username, "integration", c.in.Name, "config", f.Config}
	if _, ok := errors.AsType[*oauth.LookupError](err); ok {
		return cause.NotFoundByAdmin.Next(fill...)
	}
	if known, ok := errors.AsType[cause.Explained](err); ok {
		return cause.NextStep(known, fill...)
	}
	return cause.TokenUnavailable.Next(fill...)
}

// pick finds the one user of the one integration that is meant.
func (f *BrowserOptions) pick(grant integration.Grant) (*config.Config, choice, error) {
	cfg, err := load(f.Config)
	if err != nil {
		return nil, choice{}, err
	}
	var found, other []choice
	for _, c := range peopleOf(cfg, f.User, f.Integration) {
		if c.in.Grant == grant {
			found = append(found, c)
		} else {
			other = append(other, c)
		}
	}
	if len(found) == 1 {
		return cfg, found[0], nil
	}
	return nil, choice{}, f.notOne(cfg, grant, found, other)
}

// notOne says why there is no user who is meant, or which there are; other have another grant.
func (f *BrowserOptions) notOne(cfg *config.Config, grant integration.Grant, found, other []choice) error {
	switch {
	case len(found) > 0:
		var names []string
		for _, c := range found[:min(len(found), 20)] {
			names = append(names, "--integration "+c.in.Name+" --user "+c.Username)
		}
		return fmt.Errorf("more than one user could be meant\nnext: choose with one of\n  %s",
			strings.Join(names, "\n  "))
	case len(other) > 0 && grant == integration.JWT:
		return fmt.Errorf("integration %s has grant: authorization_code, for which consent is "+
			"part of the login\nnext: docusign-auth-proxy login --config %s --user %s", other[0].in.Name,
			words.Argument(f.Config), other[0].Username)
	case len(other) > 0:
		return fmt.Errorf("integration %s has grant: jwt and needs no login, but the user's "+
			"consent\nnext: docusign-auth-proxy consent wait --config %s --user %s; or set grant: authorization_code",
			other[0].in.Name, words.Argument(f.Config), other[0].Username)
	case f.User == "":
		return errors.New("no integration with mode: translate has a user\nnext: add users to the configuration")
	}
	return noSuchUser(cfg, f.User)
}

// say talks to the operator; with --json that is not the result.
func (f *BrowserOptions) say(format string, values ...any) {
	w := f.Out
	if f.JSON {
		w = f.Log
	}
	fmt.Fprintf(w, format, values...)
}

// tell says on the terminal what came of it.
func (f *BrowserOptions) tell(r browserResult) error {
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
