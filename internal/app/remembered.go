package app

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// Remembered is a kind of record that the operator lists and ends, in the file or in the running proxy: what was
// issued, what was pinned, or what was created. R is the record as the store gives it, V as the commands show it.
type Remembered[R, V any] struct {
	Name  string // in the API's paths and answers
	ended string // message of the log when one was ended
	all   func(*store.Store) []R
	end   func(*store.Store, func(R) bool) ([]R, error)
	fits  func(Selection, R) bool
	view  func(r R, refused func(store.TokenOwner) bool) V
	attrs func(R) []any
}

// IssuedInfo is an issued token or password as the commands show it.
type IssuedInfo struct {
	admin.Issued
	Ended bool `json:"ended,omitempty"` // what vouched for it has changed: it is refused. Only a running proxy knows
}

// IssuedSecrets are the tokens and API passwords that the proxy has issued.
func IssuedSecrets() Remembered[store.Issued, IssuedInfo] {
	return Remembered[store.Issued, IssuedInfo]{
		Name: "tokens", ended: "revoked", all: (*store.Store).List, end: (*store.Store).RevokeWhere,
		fits: func(q Selection, i store.Issued) bool {
			return q.fits(i.Owner.Integration, i.Fingerprint, i.Owner.Authenticator, i.Owner.Principal)
		},
		view: func(i store.Issued, refused func(store.TokenOwner) bool) IssuedInfo {
			return IssuedInfo{adminIssued(i), refused != nil && refused(i.Owner)}
		},
		attrs: func(i store.Issued) []any {
			return []any{"kind", i.Kind, "fingerprint", i.Fingerprint, "integration", i.Owner.Integration,
				"authenticator", i.Owner.Authenticator, "principal", i.Owner.Principal}
		},
	}
}

func adminIssued(i store.Issued) admin.Issued {
	return admin.Issued{
		Integration: i.Owner.Integration, Authenticator: i.Owner.Authenticator, Principal: i.Owner.Principal,
		Kind: i.Kind, Fingerprint: i.Fingerprint, IssuedAt: i.Issued, LastUsed: i.LastUsed,
	}
}

// PinInfo shows the hash too, as it can stand in the configuration.
type PinInfo struct {
	admin.Pin
	Bcrypt string `json:"bcrypt"`
}

// PinnedPasswords are the passwords that were believed at their first use.
func PinnedPasswords() Remembered[store.Pin, PinInfo] {
	return Remembered[store.Pin, PinInfo]{
		Name: "pins", ended: "pin forgotten", all: (*store.Store).Pins, end: (*store.Store).ForgetPins,
		fits: func(q Selection, p store.Pin) bool { return q.fits(p.Integration, "", p.Username) },
		view: func(p store.Pin, _ func(store.TokenOwner) bool) PinInfo {
			return PinInfo{admin.Pin{Integration: p.Integration, Username: p.Username, At: p.At}, p.Hash}
		},
		attrs: func(p store.Pin) []any {
			return []any{"integration", p.Integration, "authenticator", p.Username}
		},
	}
}

// CreationInfo is an entry of the journal as the commands show it.
type CreationInfo struct {
	Unresolved    bool          `json:"unresolved,omitempty"` // nobody knows whether there is an envelope
	State         journal.State `json:"state"`
	At            time.Time     `json:"at"`
	Integration   string        `json:"integration"`
	Authenticator string        `json:"authenticator"`
	Principal     string        `json:"principal,omitempty"`
	Operation     string        `json:"operation"`
	Account       string        `json:"account"`
	Site          string        `json:"site"`
	TransactionID string        `json:"transaction_id"`
	EnvelopeID    string        `json:"envelope_id,omitempty"`
}

// JournalOfCreations are the envelopes that SOAP calls asked REST for, the unresolved ones first. Only those are ended:
// by an operator who has looked.
func JournalOfCreations() Remembered[journal.Entry, CreationInfo] {
	unresolved := func(e journal.Entry) bool { return e.State == journal.Intended || e.State == journal.Unknown }
	return Remembered[journal.Entry, CreationInfo]{
		Name: "journal", ended: "creation settled",
		all: func(s *store.Store) []journal.Entry {
			first := s.Creations().Find(unresolved)
			return append(first, s.Creations().Find(func(e journal.Entry) bool { return !unresolved(e) })...)
		},
		end: func(s *store.Store, fits func(journal.Entry) bool) ([]journal.Entry, error) {
			var gone []journal.Entry
			for _, e := range s.Creations().Find(func(e journal.Entry) bool { return e.State == journal.Unknown && fits(e) }) {
				e.State, e.Settled = journal.NotCreated, time.Now()
				if err := s.Creations().Put(e); err != nil {
					return gone, err
				}
				gone = append(gone, e)
			}
			return gone, nil
		},
		fits: func(q Selection, e journal.Entry) bool {
			return q.fits(e.Owner.Integration, e.TransactionID, e.Owner.Authenticator, e.Owner.Principal)
		},
		view: func(e journal.Entry, _ func(store.TokenOwner) bool) CreationInfo {
			return CreationInfo{
				unresolved(e), e.State, e.At, e.Owner.Integration, e.Owner.Authenticator, e.Owner.Principal, e.Operation,
				e.Account, e.Site, e.TransactionID, e.EnvelopeID,
			}
		},
		attrs: func(e journal.Entry) []any {
			return []any{"transaction_id", e.TransactionID, "integration", e.Owner.Integration,
				"authenticator", e.Owner.Authenticator, "account", e.Account}
		},
	}
}

// Answer is the list under its name, as it goes over the wire and into the output of the commands.
func (k Remembered[R, V]) Answer(list []R, refused func(store.TokenOwner) bool) map[string][]V {
	views := []V{}
	for _, r := range list {
		views = append(views, k.view(r, refused))
	}
	return map[string][]V{k.Name: views}
}

func (k Remembered[R, V]) Selected(s *store.Store, q Selection) []R {
	var list []R
	for _, r := range k.all(s) {
		if k.fits(q, r) {
			list = append(list, r)
		}
	}
	return list
}

func (k Remembered[R, V]) EndSelected(s *store.Store, q Selection) ([]R, error) {
	return k.end(s, func(r R) bool { return k.fits(q, r) })
}

func (k Remembered[R, V]) routes(p *App, routes map[string]http.Handler) {
	serve := func(method string, act func(r *http.Request, q Selection) (status int, answer any)) {
		routes[method+" /api/"+k.Name] = inJSON(func(r *http.Request) (int, any) {
			return act(r, selectionOf(r.URL.Query()))
		})
	}
	serve("GET", func(_ *http.Request, q Selection) (int, any) {
		return http.StatusOK, k.Answer(k.Selected(p.store, q), p.current.refused)
	})
	serve("DELETE", func(r *http.Request, q Selection) (int, any) {
		if err := q.Check(); err != nil {
			return http.StatusBadRequest, problem(err)
		}
		gone, err := k.EndSelected(p.store, q)
		if err != nil {
			return http.StatusInternalServerError, problem(err)
		}
		for _, record := range gone {
			p.log.Warn(k.ended, append(k.attrs(record), "by", admin.By(r))...) //nolint:sloglint // one of three words
		}
		return http.StatusOK, k.Answer(gone, nil)
	})
}

// inJSON answers the operator with what act gives.
func inJSON(act func(*http.Request) (status int, answer any)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, answer := act(r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = shown.JSON(w, answer) // a reader who left is nobody to tell
	})
}

func problem(err error) any { return map[string]string{"error": err.Error()} }

// operatorRoutes are what the operations listener serves to the operator alone, besides reload.
func (p *App) operatorRoutes() map[string]http.Handler {
	version, _, _ := BuildVersion()
	routes := p.capture.Routes(version, admin.By)
	IssuedSecrets().routes(p, routes)
	JournalOfCreations().routes(p, routes)
	PinnedPasswords().routes(p, routes)
	routes["POST "+RestorePath] = inJSON(p.restore)
	return routes
}

// refused reports whether an issued secret is refused; when that cannot be told, it is refused too.
func (c *current) refused(o store.TokenOwner) bool {
	ended, err := c.Load().state.Translator.Ended(o)
	return ended || err != nil
}

// Selection says which records are meant: those that fit all that is given.
type Selection struct {
	Integration, User, Fingerprint string
	All                            bool
}

func selectionOf(q url.Values) Selection {
	return Selection{q.Get("integration"), q.Get("user"), q.Get("fingerprint"), q.Get("all") == "true"}
}

func (s Selection) Values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"integration": s.Integration, "user": s.User,
		"fingerprint": s.Fingerprint} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if s.All {
		q.Set("all", "true")
	}
	return q
}

// Check refuses to end everything because nothing was said.
func (s Selection) Check() error {
	if given := s.Integration != "" || s.User != "" || s.Fingerprint != ""; given == s.All {
		return errors.New("say which: --integration, --user, a fingerprint, or --all alone")
	}
	return nil
}

func (s Selection) fits(integration, fingerprint string, names ...string) bool {
	return (s.Integration == "" || s.Integration == integration) &&
		(s.User == "" || slices.ContainsFunc(names, func(n string) bool { return legacy.SameName(s.User, n) })) &&
		(s.Fingerprint == "" || strings.EqualFold(s.Fingerprint, fingerprint))
}
