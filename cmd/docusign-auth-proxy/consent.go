package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// consentPages are the pages on which one user consents to one integration.
type consentPages struct {
	Integration string `json:"integration"`
	Key         string `json:"client_id"`
	Scopes      string `json:"scopes"`
	User        string `json:"user"`
	RedirectURI string `json:"redirect_uri"`
	Individual  string `json:"individual_url"`
	Admin       string `json:"admin_url"`
}

type consentFlags struct {
	config, user     string
	all, admin, json bool
}

func newConsent() *cobra.Command {
	var f consentFlags
	cmd := &cobra.Command{
		Use: "consent", Short: "Print the pages on which users allow the proxy to act for them",
		Long: `DocuSign gives a token for a user only after the user, or an administrator for all of them, has consented once. This prints the
addresses of those pages. "consent wait" also waits for the browser and proves that it worked.`,
		Example: `  docusign-auth-proxy consent --config proxy.yaml --all
  docusign-auth-proxy consent --config proxy.yaml --user anna@example.com
  docusign-auth-proxy consent --config proxy.yaml --admin
  docusign-auth-proxy consent wait --config proxy.yaml --user anna@example.com`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return printConsent(cmd.OutOrStdout(), f) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.user, "user", "", "only this `USER`, by user name or GUID")
	cmd.Flags().BoolVar(&f.all, "all", false, "all users (the default)")
	cmd.Flags().BoolVar(&f.admin, "admin", false, "the page for an administrator who consents for all users")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("user", "all")
	cmd.AddCommand(newConsentWait())
	return cmd
}

func printConsent(w io.Writer, f consentFlags) error {
	cfg, err := config.Load(f.config)
	if err != nil {
		return withNext(err, "docusign-auth-proxy doctor --config "+f.config)
	}
	pages, err := consentList(cfg, f.user)
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(w, pages)
	}
	return writeConsent(w, f, pages)
}

// withNext adds what to do about an error.
func withNext(err error, next string) error { return fmt.Errorf("%w\nnext: %s", err, next) }

// consentList has the pages of one user, or of everybody when user is empty.
func consentList(cfg *config.Config, user string) ([]consentPages, error) {
	list := []consentPages{}
	logins := false
	for _, in := range cfg.Integrations {
		if in.Mode != config.Translate {
			continue
		}
		if in.Grant == config.AuthorizationCode {
			logins = true
			continue
		}
		for _, m := range membersOf(&in) {
			if user == "" || m.is(user) {
				list = append(list, consentOf(cfg, in, m.name))
			}
		}
	}
	switch {
	case len(list) > 0:
		return list, nil
	case user != "":
		return nil, noSuchUser(cfg, user)
	case logins:
		return nil, errors.New("all integrations have grant: authorization_code, whose users log in instead\nnext: docusign-auth-proxy login --user USER")
	}
	return nil, errors.New("no integration with mode: translate is configured, so there is nobody who could consent")
}

// member is somebody an integration needs tokens for.
type member struct{ name, id string }

func (m member) is(user string) bool {
	return legacy.SameName(m.name, user) || m.id != "" && legacy.SameName(m.id, user)
}

// membersOf lists users, principals and the administrator who looks up users, each once.
func membersOf(in *config.Integration) []member {
	var list []member
	for _, u := range in.Users {
		list = append(list, member{u.Username, u.UserID})
	}
	for _, p := range in.Principals {
		list = append(list, member{p.Username, p.UserID})
	}
	admin := in.OAuth.AdminUserID
	if admin != "" && !slices.ContainsFunc(list, func(m member) bool { return legacy.SameName(m.id, admin) }) {
		list = append(list, member{admin, admin})
	}
	return list
}

func noSuchUser(cfg *config.Config, user string) error {
	var known []string
	for _, in := range cfg.Integrations {
		for _, m := range membersOf(&in) {
			if !slices.Contains(known, m.name) && len(known) < 20 {
				known = append(known, m.name)
			}
		}
	}
	return fmt.Errorf("the configuration has no user %s that this is for\nnext: name one of %s, or add the user to users", user, strings.Join(known, ", "))
}

func redirectOf(in config.Integration) string {
	return cmp.Or(in.OAuth.RedirectURI, oauth.DefaultRedirectURI)
}

func consentOf(cfg *config.Config, in config.Integration, username string) consentPages {
	c := oauth.Consent{AccountServer: accountServerOf(cfg), ClientID: clientIDOf(in), Scopes: strings.Join(in.OAuth.Scopes, " "), RedirectURI: redirectOf(in)}
	return consentPages{
		Integration: in.Name, Key: c.ClientID, Scopes: c.Scopes, User: username, RedirectURI: c.RedirectURI, Individual: c.Individual() + loginHint(username), Admin: c.Admin(),
	}
}

// loginHint fills in the e-mail address on the login page.
func loginHint(username string) string {
	if !strings.Contains(username, "@") {
		return ""
	}
	return "&login_hint=" + url.QueryEscape(username)
}

func writeConsent(w io.Writer, f consentFlags, pages []consentPages) error {
	var b strings.Builder
	previous := ""
	for _, p := range pages {
		if p.Integration != previous {
			previous = p.Integration
			fmt.Fprintf(&b, "integration %s, key %s, scopes %s\n", p.Integration, p.Key, p.Scopes)
			fmt.Fprintf(&b, "  1. register this redirect URI with the key, letter for letter (DocuSign, Admin, Apps and Keys):\n     %s\n", p.RedirectURI)
			if f.admin {
				fmt.Fprintf(&b, "  2. let an administrator of the organisation open this page, log in and accept for all users of its claimed e-mail domains:\n     %s\n", p.Admin)
				b.WriteString("     If the organisation owns the key itself: Admin, Connected Apps, Authorize Application, in place of the page.\n")
				continue
			}
			b.WriteString("  2. let each user open their page, log in as themselves and accept; a private window keeps another login out:\n")
		}
		if !f.admin {
			fmt.Fprintf(&b, "     %s\n       %s\n", p.User, p.Individual)
		}
	}
	fmt.Fprintf(&b, "\nThe page shown after accepting does not matter: the consent is stored by then.\nnext: see it happen:  docusign-auth-proxy consent wait --config %s --user %s\n      or prove it:    docusign-auth-proxy doctor --config %s\n", f.config, cmp.Or(f.user, "USER"), f.config)
	_, err := io.WriteString(w, b.String())
	return err
}
