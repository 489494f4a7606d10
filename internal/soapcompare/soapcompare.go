// Package soapcompare makes the same SOAP call twice, over DocuSign's SOAP with an App Password and over REST with a
// token, so that an operator sees what differs before a program is switched. It runs two proxies of its own on
// loopback, which differ in one setting. It must never change anything at DocuSign but the envelopes of TestEnvelope.
package soapcompare

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/translate/legacy"
)

// Options say whose calls are made.
type Options struct {
	Config string
	// Integration and User choose; "" = the first that has an App Password.
	Integration, User string
	Out, Log          io.Writer
}

// Codes with which the commands end.
const (
	codeDifferent = 1
	codeNotRun    = 2
)

// publicURL stands in log-in answers of both ways, so that it does not differ.
const publicURL = "http://compare.invalid"

// legacyEnv names the variable that holds the password with which the package logs in at its own proxies. It is not
// set in the environment: only the configuration is told.
const legacyEnv = "SOAP_COMPARE_PASSWORD"

// caller is the old program that the package plays.
type caller struct{ integration, key, user, password string }

// pair is that program at two proxies.
type pair struct {
	caller
	soap, rest *way
	// offset is what the configuration has.
	offset integration.TabOffset
}

// way is one of the two.
type way struct {
	caller
	name   string
	origin string
	dir    string // for what the proxy writes
	proxy  *app.Running
}

// cannotRun tells why nothing was compared, and what to do.
func cannotRun(o Options, why, next string) error {
	_, err := fmt.Fprintf(o.Log, "%s\nnext: %s\n", why, next)
	return errors.Join(app.ExitError{Code: codeNotRun}, err)
}

// bothWays lets do make calls to both proxies, with the account that the caller is logged in to.
func bothWays(ctx context.Context, o Options, do func(p *pair, account string) error) (err error) {
	p, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	account, err := p.logIn(ctx, o)
	if err != nil {
		return err
	}
	return do(p, account)
}

// open starts both proxies. What it gives is to be closed.
func open(ctx context.Context, o Options) (*pair, error) {
	cfg, err := config.Load(o.Config)
	if err != nil {
		return nil, cannotRun(o, err.Error(), "docusign-auth-proxy config check --config "+words.Argument(o.Config))
	}
	in, user := choose(cfg, o)
	if user == nil {
		return nil, cannotRun(o, "no user of the configuration that was asked for has an App Password",
			"make one in DocuSign (My Profile, Privacy & Security) and set users[].app_password")
	}
	p := &pair{caller: caller{in.Name, in.IntegratorKey, user.Username, rand.Text()},
		offset: in.SOAPREST.TabOffset}
	for soap, way := range map[integration.SOAP]**way{
		integration.AppPassword: &p.soap, integration.OverREST: &p.rest,
	} {
		if *way, err = start(ctx, o, p.caller, soap); err != nil {
			err = cannotRun(o, err.Error(), "docusign-auth-proxy config check --config "+words.Argument(o.Config))
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

// choose finds the user who calls.
func choose(cfg *config.Config, o Options) (*integration.Integration, *integration.User) {
	for i, in := range cfg.Integrations {
		for j, u := range in.Users {
			if !u.AppPassword.Empty() && (o.Integration == "" || o.Integration == in.Name) &&
				(o.User == "" || legacy.SameName(o.User, u.Username)) {
				return &cfg.Integrations[i], &cfg.Integrations[i].Users[j]
			}
		}
	}
	return nil, nil
}

func (p *pair) close() error { return errors.Join(p.soap.close(), p.rest.close()) }

// start runs a proxy with the operator's configuration, changed where it must be: it listens elsewhere, keeps nothing,
// and knows the caller by another password. What it gives is to be closed, after an error too.
func start(ctx context.Context, o Options, c caller, soap integration.SOAP) (w *way, err error) {
	w = &way{caller: c, name: string(soap)}
	if w.dir, err = files.MkdirTemp("soap-compare-"); err != nil {
		return w, err
	}
	holder := &config.Holder{Path: o.Config, Environment: config.Environment{
		ReadFile: func(name string) ([]byte, error) {
			text, err := os.ReadFile(name)
			if err != nil || name != o.Config {
				return text, err
			}
			return edited(text, c, soap, w.dir)
		},
		LookupEnv: func(name string) (string, bool) {
			if name == legacyEnv {
				return c.password, true
			}
			return os.LookupEnv(name)
		},
	}}
	if _, err = holder.Reload(); err != nil {
		return w, err
	}
	// What a refusal is about is in the answer; the lines of calls would hide the differences.
	if w.proxy, err = app.Start(ctx, holder, slog.New(slog.DiscardHandler), app.Hooks{}); err != nil {
		return w, fmt.Errorf("%s: %w", w.name, err)
	}
	w.origin = "http://" + w.proxy.Address(call.DoorSidecar)
	return w, nil
}

// close stops the proxy and removes its folder.
func (w *way) close() error {
	if w == nil || w.dir == "" {
		return nil
	}
	return errors.Join(w.proxy.Stop(), files.RemoveAll(w.dir))
}

// section is a part of the configuration file.
type section = map[string]any

// edited is the operator's file for one way.
func edited(text []byte, c caller, soap integration.SOAP, dir string) ([]byte, error) {
	doc := section{}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	doc["listen"] = section{"proxy": "127.0.0.1:0", "admin": "127.0.0.1:0"}
	doc["sidecar"] = section{"public_url": publicURL}
	doc["store"] = config.Memory
	admin, _ := doc["admin"].(section)
	if admin == nil {
		admin = section{}
	}
	// The token of a proxy that runs beside this one must not be written over.
	admin["token_file"] = filepath.Join(dir, "admin-token")
	doc["admin"] = admin
	integrations, _ := doc["integrations"].([]any)
	for _, in := range integrations {
		if in, _ := in.(section); in["name"] == c.integration {
			in["mode"], in["soap"] = string(integration.Translate), string(soap)
			knowBy(in, c.user)
		}
	}
	return yaml.Marshal(doc)
}

// knowBy gives the user the package's own password.
func knowBy(in section, user string) {
	users, _ := in["users"].([]any)
	i := slices.IndexFunc(users, func(u any) bool {
		have, _ := u.(section)
		name, _ := have["username"].(string)
		return legacy.SameName(name, user)
	})
	if i >= 0 {
		users[i].(section)["password"] = section{"env": legacyEnv}
	}
}

// subject is what the read-only operations ask about.
type subject struct{ account, envelope, template string }

// logIn finds the account and shows that both ways work at all.
func (p *pair) logIn(ctx context.Context, o Options) (account string, err error) {
	for _, w := range []*way{p.soap, p.rest} {
		answer, err := w.call(ctx, login())
		if err != nil {
			return "", cannotRun(o, w.name+": "+err.Error(), "docusign-auth-proxy doctor --config "+words.Argument(o.Config))
		}
		if answer.value("Success") != "true" {
			said := cmp.Or(answer.value("AuthenticationMessage"), answer.value("ErrorCode"), answer.value("faultstring"))
			return "", cannotRun(o, w.name+": the log-in was refused: "+said,
				"docusign-auth-proxy doctor --config "+words.Argument(o.Config))
		}
		account = cmp.Or(account, answer.value("AccountID"))
	}
	return account, nil
}
