package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/proxy/egress"
)

func accountServerOf(cfg *config.Config) string {
	switch cfg.Environment {
	case config.Demo:
		return "https://account-d.docusign.com"
	case config.Production:
		return "https://account.docusign.com"
	}
	return cfg.AccountServer
}

func siteOf(cfg *config.Config) string {
	switch {
	case cfg.Site != "":
		return cfg.Site
	case cfg.Environment == config.Demo:
		return "https://demo.docusign.net"
	case cfg.Environment == config.Production:
		return "https://www.docusign.net"
	}
	return cfg.AccountServer
}

// policyOf says which hosts are DocuSign's. The configured account server and site count, on their own port.
func policyOf(cfg *config.Config) (*egress.Policy, error) {
	p := &egress.Policy{}
	for _, h := range cfg.Egress.Hosts {
		if strings.HasPrefix(h, ".") {
			p.Suffixes = append(p.Suffixes, strings.TrimPrefix(h, "."))
			continue
		}
		host, err := egress.ParseHost(h, 443)
		if err != nil {
			return nil, fmt.Errorf("egress.hosts: %w", err)
		}
		p.Hosts = append(p.Hosts, host)
	}
	for _, origin := range []string{accountServerOf(cfg), siteOf(cfg)} {
		u, err := url.Parse(origin)
		if err != nil {
			return nil, err
		}
		host, err := egress.ParseHost(u.Host, 443)
		if err != nil {
			return nil, err
		}
		p.Hosts = append(p.Hosts, host)
	}
	for _, t := range cfg.Egress.Tunnel {
		host, err := egress.ParseHost(t, 443)
		if err != nil {
			return nil, fmt.Errorf("egress.tunnel: %w", err)
		}
		p.Tunnels = append(p.Tunnels, host)
	}
	return p, p.Validate()
}

// trustedBase believes a base_uri under DocuSign's domains and, in a custom environment, at addresses the operator listed.
func trustedBase(cfg *config.Config, policy *egress.Policy) func(*url.URL) error {
	account, _ := url.Parse(accountServerOf(cfg))
	return func(u *url.URL) error {
		if u.Scheme != "https" {
			return errors.New("it is not https")
		}
		h, err := egress.ParseHost(u.Host, 443)
		if err != nil {
			return err
		}
		if policy.DocuSign(h) || cfg.Environment == config.Custom && (u.Hostname() == account.Hostname() || listedAddress(cfg, h)) {
			return nil
		}
		return fmt.Errorf("%s is not under egress.hosts", h.Name())
	}
}

func listedAddress(cfg *config.Config, h egress.Host) bool {
	ip, ok := h.Addr()
	if !ok {
		return false
	}
	for _, p := range cfg.Egress.AllowAddresses {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
