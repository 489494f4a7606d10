package translate

import (
	"net/url"
	"sync"

	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	maxSites     = 10_000
	maxAccountID = 40 // longer than any account's GUID in braces or number
)

// siteTable remembers the site and the integration of each account that UserInfo named, for calls that bring their own
// OAuth token and so cannot be asked about.
type siteTable struct {
	mu    sync.RWMutex
	rows  map[string]siteRow  // folded account GUID or number
	hosts map[string]struct{} // host[:port] of all sites
}

type siteRow struct {
	base        *url.URL
	integration string
	shared      bool // several integrations use the account
}

func newSiteTable(known map[string]*url.URL) *siteTable {
	s := &siteTable{rows: map[string]siteRow{}, hosts: map[string]struct{}{}}
	for account, base := range known {
		s.put(account, base, "")
	}
	return s
}

func (s *siteTable) learn(d *Decision, info *oauth.UserInfo) {
	for _, a := range info.Accounts {
		if a.Untrusted != nil {
			continue
		}
		s.put(legacy.Fold(a.AccountID), a.BaseURI, d.in.Name)
		if number := d.AccountNumber(a.AccountID); number != "" {
			s.put(number, a.BaseURI, d.in.Name)
		}
	}
}

// put reports whether the site of the account is news. An empty integration says nothing about who else uses the
// account.
func (s *siteTable) put(account string, base *url.URL, integration string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[account]
	if !ok && len(s.rows) >= maxSites {
		return false
	}
	if integration == "" {
		integration = row.integration
	}
	s.hosts[base.Host] = struct{}{}
	shared := row.shared || row.integration != "" && row.integration != integration
	s.rows[account] = siteRow{base: base, integration: integration, shared: shared}
	return !ok || row.base.Host != base.Host
}

// KnowsHost reports whether UserInfo has named this host[:port] as the believed site of some account.
func (t *Translator) KnowsHost(authority string) bool {
	t.sites.mu.RLock()
	defer t.sites.mu.RUnlock()
	_, ok := t.sites.hosts[authority]
	return ok
}

// LearnSite remembers the site of an account that DocuSign named to the program itself, by all ids that it goes by.
func (t *Translator) LearnSite(d *Decision, ids []string, base *url.URL) {
	name := ""
	if d.in != nil {
		name = d.in.Name
	}
	for _, id := range ids {
		if id = legacy.Fold(id); id == "" || len(id) > maxAccountID {
			continue
		}
		if t.sites.put(id, base, name) && t.cfg.OnSite != nil {
			t.cfg.OnSite(id, base)
		}
	}
}

// KnownSite gives the site of an account that some call has asked about, nil when none has, and fills in
// the integration of a decision about a call with its own OAuth token where only one integration uses the account.
func (t *Translator) KnownSite(d *Decision, account string) *url.URL {
	t.sites.mu.RLock()
	row := t.sites.rows[legacy.Fold(account)]
	t.sites.mu.RUnlock()
	if d.Action == ActionPass && d.Integration == nil && row.base != nil && !row.shared {
		d.of(t.dir.byName(row.integration))
	}
	return row.base
}
