package app

import (
	"errors"
	"fmt"
	"net/url"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/proxy/egress"
)

// trustedBase believes a base_uri under DocuSign's domains and, in a custom environment, at addresses the operator
// listed.
func trustedBase(cfg *config.Config) func(*url.URL) error {
	policy := cfg.Egress.Policy
	return func(u *url.URL) error {
		if u.Scheme != "https" {
			return errors.New("it is not https")
		}
		h, err := egress.ParseHost(u.Host, 443)
		if err != nil {
			return err
		}
		if err := policy.CheckEnvironment(h); err != nil {
			return err
		}
		if policy.DocuSign(h) || cfg.Environment == config.Custom &&
			(h.Name() == cfg.AccountServer.Host.Name() || listedAddress(cfg, h)) {
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
