package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/authority"
	"docusign-auth-proxy/translate"
)

// worldConfig is a configuration for the embedded sandbox: what demo, sandbox and the tests run the proxy with.
type worldConfig struct {
	Proxy, Admin, Hosts string         // listening addresses; Hosts "" = off
	Cost                int            // bcrypt cost of the passwords
	Extra               map[string]any // top-level sections that replace the generated ones
	Edit                func(integrations []map[string]any)
}

// write puts the configuration, the keys and the certificates it names into dir and returns the configuration's path.
func (c worldConfig) write(dir string, sb *sandbox.Sandbox, w sandbox.World) (string, error) {
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "sandbox-ca.pem"), sb.CACert(), 0o644); err != nil {
		return "", err
	}
	if err := makeCA(dir); err != nil {
		return "", err
	}
	integrations, err := c.integrations(dir, w)
	if err != nil {
		return "", err
	}
	doc := c.document(sb, integrations)
	for name, section := range c.Extra {
		doc[name] = section
	}
	text, err := yaml.Marshal(doc)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "proxy.yaml")
	return path, os.WriteFile(path, text, 0o600)
}

// makeCA makes the proxy's CA unless the folder has one: old programs were told to trust it.
func makeCA(dir string) error {
	cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")
	if _, err := os.Stat(key); err == nil {
		return nil
	}
	a, err := authority.Create(authority.Spec{})
	if err != nil {
		return err
	}
	return a.Save(cert, key, false)
}

func (c worldConfig) document(sb *sandbox.Sandbox, integrations []map[string]any) map[string]any {
	resolve := map[string]string{"account-d.docusign.com": sb.Addr()}
	for _, site := range sb.Sites() {
		resolve[site] = sb.Addr()
	}
	listen := map[string]any{"proxy": c.Proxy, "admin": c.Admin}
	if c.Hosts != "" {
		listen["hosts"] = c.Hosts
	}
	return map[string]any{
		// The sandbox has the names of demo's account server and of production's sites, which custom alone takes together.
		"environment":    "custom",
		"account_server": "https://account-d.docusign.com",
		"site":           "https://demo.docusign.net",
		"listen":         listen,
		"interception":   map[string]any{"ca_cert": "ca.pem", "ca_key": "ca-key.pem"},
		"egress":         map[string]any{"allow_addresses": []string{"127.0.0.0/8"}, "resolve": resolve},
		"upstream":       map[string]any{"ca_file": "sandbox-ca.pem"},
		"store":          "state.db",
		"integrations":   integrations,
	}
}

func (c worldConfig) integrations(dir string, w sandbox.World) ([]map[string]any, error) {
	cost := c.Cost
	if cost == 0 {
		cost = bcrypt.DefaultCost
	}
	names := []string{"old-erp", "nightly-billing"}
	var out []map[string]any
	for i, in := range w.Integrations {
		name := fmt.Sprintf("integration-%d", i+1)
		if i < len(names) {
			name = names[i]
		}
		file := filepath.Join("keys", name+".pem")
		if err := os.WriteFile(filepath.Join(dir, file), w.PrivateKeys[in.Key], 0o600); err != nil {
			return nil, err
		}
		users, err := worldUsers(dir, w, cost)
		if err != nil {
			return nil, err
		}
		out = append(out, map[string]any{
			"name": name, "integrator_key": in.Key, "users": users,
			"oauth": map[string]any{"private_keys": []map[string]any{{"file": file}}},
		})
	}
	if c.Edit != nil {
		c.Edit(out)
	}
	return out, nil
}

func worldUsers(dir string, w sandbox.World, cost int) ([]map[string]any, error) {
	var out []map[string]any
	for _, u := range w.Users {
		hash, err := translate.HashBcrypt(secret.New(u.Password), cost)
		if err != nil {
			return nil, err
		}
		app := filepath.Join("keys", strings.ReplaceAll(u.Email, "@", ".")+".app-password")
		if err := os.WriteFile(filepath.Join(dir, app), []byte(u.AppPassword+"\n"), 0o600); err != nil {
			return nil, err
		}
		accounts := map[string]string{}
		for _, a := range w.Accounts {
			if slices.Contains(u.Accounts, a.ID) {
				accounts[a.Number] = a.ID
			}
		}
		user := map[string]any{
			"username": u.Email, "user_id": u.ID, "password": map[string]any{"bcrypt": hash}, "app_password": map[string]any{"file": app}, "accounts": accounts,
		}
		if u.Admin {
			user["may_act_for"] = []string{"anna@example.com", "bob@example.com"}
		}
		out = append(out, user)
	}
	return out, nil
}
