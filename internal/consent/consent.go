// Package consent prints the pages on which users allow the proxy to act for them, waits for the browser that comes
// back, and keeps the logins of integrations with grant: authorization_code. It must never keep the login of another
// user than the one that is configured. The commands consent and login call it, and internal/doctor names its pages.
package consent

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/translate/oauth"
)

// Pages are the pages on which one user consents to one integration.
type Pages struct {
	Integration string `json:"integration"`
	Key         string `json:"client_id"`
	Scopes      string `json:"scopes"`
	User        string `json:"user"`
	RedirectURI string `json:"redirect_uri"`
	Individual  string `json:"individual_url"`
	Admin       string `json:"admin_url"`
}

// Options say which pages are printed, and where.
type Options struct {
	Config, User string
	Admin, JSON  bool
	Out          io.Writer
}

// Print writes the pages on which the users consent.
func Print(f Options) error {
	cfg, err := load(f.Config)
	if err != nil {
		return err
	}
	pages, err := consentList(cfg, f.User)
	if err != nil {
		return err
	}
	if f.JSON {
		return shown.JSON(f.Out, pages)
	}
	return f.write(pages)
}

func load(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, withNext(err, "docusign-auth-proxy doctor --config "+words.Argument(path))
	}
	return cfg, nil
}

// withNext adds what to do about an error.
func withNext(err error, next string) error { return fmt.Errorf("%w\nnext: %s", err, next) }

// consentList has the pages of one user, or of everybody when user is empty.
func consentList(cfg *config.Config, user string) ([]Pages, error) {
	list := []Pages{}
	for _, c := range peopleOf(cfg, user, "") {
		if c.in.Grant != integration.AuthorizationCode {
			list = append(list, PagesOf(cfg, c.in, c.Username))
		}
	}
	logins := slices.ContainsFunc(cfg.Integrations, func(in integration.Integration) bool {
		return in.Mode == integration.Translate && in.Grant == integration.AuthorizationCode
	})
	switch {
	case len(list) > 0:
		return list, nil
	case user != "":
		return nil, noSuchUser(cfg, user)
	case logins:
		return nil, errors.New("all integrations have grant: authorization_code, whose users log in instead\nnext: " +
			"docusign-auth-proxy login --user USER")
	}
	return nil, errors.New("no integration with mode: translate is configured, so there is nobody who could consent")
}

// choice is one user of one integration.
type choice struct {
	in *integration.Integration
	integration.User
}

// peopleOf are those for whom tokens are got, by user and name of the integration; empty = any.
func peopleOf(cfg *config.Config, user, name string) (people []choice) {
	for i := range cfg.Integrations {
		in := &cfg.Integrations[i]
		if in.Mode != integration.Translate || name != "" && in.Name != name {
			continue
		}
		for _, m := range in.People() {
			if user == "" || app.Is(m, user) {
				people = append(people, choice{in, m})
			}
		}
	}
	return people
}

func noSuchUser(cfg *config.Config, user string) error {
	var known []string
	for _, in := range cfg.Integrations {
		for _, m := range in.People() {
			if !slices.Contains(known, m.Username) && len(known) < 20 {
				known = append(known, m.Username)
			}
		}
	}
	return fmt.Errorf("the configuration has no user %s that this is for\nnext: name one of %s, or add the user to "+
		"users", user, strings.Join(known, ", "))
}

// PagesOf are the pages of one user, by the name that the program sends.
func PagesOf(cfg *config.Config, in *integration.Integration, username string) Pages {
	c := consentOf(cfg, in)
	return Pages{
		Integration: in.Name, Key: c.ClientID, Scopes: c.Scopes, User: username, RedirectURI: c.RedirectURI,
		Individual: cause.ConsentPage(c.Individual(), username), Admin: c.Admin(),
	}
}

func consentOf(cfg *config.Config, in *integration.Integration) oauth.Consent {
	return oauth.Consent{AccountServer: cfg.AccountServer.String(), ClientID: in.OAuth.ClientID,
		Scopes: in.OAuth.Scopes.String(), RedirectURI: app.RedirectURI(in)}
}

func (f Options) write(pages []Pages) error {
	var b strings.Builder
	previous := ""
	for _, p := range pages {
		if p.Integration != previous {
			previous = p.Integration
			fmt.Fprintf(&b, "integration %s, key %s, scopes %s\n", p.Integration, p.Key, p.Scopes)
			fmt.Fprintf(&b, "  1. register this redirect URI with the key, letter for letter (DocuSign, Admin, Apps "+
				"and Keys):\n     %s\n", p.RedirectURI)
			if f.Admin {
				fmt.Fprintf(&b, "  2. let an administrator of the organisation open this page, log in and accept "+
					"for all users of its claimed e-mail domains:\n     %s\n", p.Admin)
				b.WriteString("     If the organisation owns the key itself: Admin, Connected Apps, Authorize Application, in " +
					"place of the page.\n")
				continue
			}
			b.WriteString("  2. let each user open their page, log in as themselves and accept; a private window keeps " +
				"another login out:\n")
		}
		if !f.Admin {
			fmt.Fprintf(&b, "     %s\n       %s\n", p.User, p.Individual)
		}
	}
	file := words.Argument(f.Config)
	fmt.Fprintf(&b, "\nThe page shown after accepting does not matter: the consent is stored by then.\nnext: see it "+
		"happen:  docusign-auth-proxy consent wait --config %s --integration %s --user %s\n      or prove it:    "+
		"docusign-auth-proxy doctor --config %s\n", file, pages[0].Integration, cmp.Or(f.User, pages[0].User), file)
	_, err := io.WriteString(f.Out, b.String())
	return err
}
