package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
)

// remembered is a kind of record that the operator lists and ends, in the file or in the running proxy: what was
// issued, or what was pinned. R is the record as the store gives it, V as the commands show it.
type remembered[R, V any] struct {
	name  string // in the API's paths and answers
	ended string // message of the log when one was ended
	all   func(*store.Store) []R
	end   func(*store.Store, func(R) bool) ([]R, error)
	fits  func(selection, R) bool
	view  func(r R, refused func(store.TokenOwner) bool) V
	attrs func(R) []any
}

// issuedInfo is an issued token or password as the commands show it.
type issuedInfo struct {
	admin.Issued
	Ended bool `json:"ended,omitempty"` // what vouched for it has changed: it is refused. Only a running proxy knows
}

func issuedSecrets() remembered[store.Issued, issuedInfo] {
	return remembered[store.Issued, issuedInfo]{
		name: "tokens", ended: "revoked", all: (*store.Store).List, end: (*store.Store).RevokeWhere, fits: selection.issued,
		view: func(i store.Issued, refused func(store.TokenOwner) bool) issuedInfo {
			return issuedInfo{adminIssued(i), refused != nil && refused(i.Owner)}
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

// pinInfo shows the hash too, as it can stand in the configuration.
type pinInfo struct {
	admin.Pin
	Bcrypt string `json:"bcrypt"`
}

func pinnedPasswords() remembered[store.Pin, pinInfo] {
	return remembered[store.Pin, pinInfo]{
		name: "pins", ended: "pin forgotten", all: (*store.Store).Pins, end: (*store.Store).ForgetPins, fits: selection.pin,
		view: func(p store.Pin, _ func(store.TokenOwner) bool) pinInfo {
			return pinInfo{admin.Pin{Integration: p.Integration, Username: p.Username, At: p.At}, p.Hash}
		},
		attrs: func(p store.Pin) []any {
			return []any{"integration", p.Integration, "authenticator", p.Username}
		},
	}
}

// answer is the list under its name, as it goes over the wire and into the output of the commands.
func (k remembered[R, V]) answer(list []R, refused func(store.TokenOwner) bool) map[string][]V {
	views := []V{}
	for _, r := range list {
		views = append(views, k.view(r, refused))
	}
	return map[string][]V{k.name: views}
}

func (k remembered[R, V]) selected(s *store.Store, q selection) []R {
	var list []R
	for _, r := range k.all(s) {
		if k.fits(q, r) {
			list = append(list, r)
		}
	}
	return list
}

func (k remembered[R, V]) endSelected(s *store.Store, q selection) ([]R, error) {
	return k.end(s, func(r R) bool { return k.fits(q, r) })
}

func (k remembered[R, V]) routes(p *program, routes map[string]http.Handler) {
	routes["GET /api/"+k.name] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerJSON(w, http.StatusOK, k.answer(k.selected(p.store, selectionOf(r.URL.Query())), p.refused))
	})
	routes["DELETE /api/"+k.name] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := selectionOf(r.URL.Query())
		if err := q.check(); err != nil {
			refuseJSON(w, http.StatusBadRequest, err)
			return
		}
		gone, err := k.endSelected(p.store, q)
		if err != nil {
			refuseJSON(w, http.StatusInternalServerError, err)
			return
		}
		for _, record := range gone {
			p.log.Warn(k.ended, append(k.attrs(record), "by", admin.By(r))...)
		}
		answerJSON(w, http.StatusOK, k.answer(gone, nil))
	})
}

// operatorRoutes are what the operations listener serves to the operator alone, besides reload.
func (p *program) operatorRoutes() map[string]http.Handler {
	version, _, _ := buildVersion()
	routes := p.capture.Routes(version)
	issuedSecrets().routes(p, routes)
	pinnedPasswords().routes(p, routes)
	return routes
}

// refused reports whether an issued secret is refused; when that cannot be told, it is refused too.
func (p *program) refused(o store.TokenOwner) bool {
	ended, err := p.current.Load().state.Translator.Ended(translate.TokenOwner(o))
	return ended || err != nil
}

func refuseJSON(w http.ResponseWriter, status int, err error) {
	answerJSON(w, status, map[string]string{"error": err.Error()})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = writeJSON(w, v) // a reader who left is nobody to tell
}

// selection says which records are meant: those that fit all that is given.
type selection struct {
	integration, user, fingerprint string
	all                            bool
}

func selectionOf(q url.Values) selection {
	return selection{q.Get("integration"), q.Get("user"), q.Get("fingerprint"), q.Get("all") == "true"}
}

func (s selection) values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"integration": s.integration, "user": s.user, "fingerprint": s.fingerprint} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if s.all {
		q.Set("all", "true")
	}
	return q
}

// check refuses to end everything because nothing was said.
func (s selection) check() error {
	if given := s.integration != "" || s.user != "" || s.fingerprint != ""; given == s.all {
		return errors.New("say which: --integration, --user, a fingerprint, or --all alone")
	}
	return nil
}

func (s selection) issued(i store.Issued) bool {
	return (s.integration == "" || s.integration == i.Owner.Integration) &&
		(s.user == "" || legacy.SameName(s.user, i.Owner.Authenticator) || legacy.SameName(s.user, i.Owner.Principal)) &&
		(s.fingerprint == "" || strings.EqualFold(s.fingerprint, i.Fingerprint))
}

func (s selection) pin(p store.Pin) bool {
	return (s.integration == "" || s.integration == p.Integration) &&
		(s.user == "" || legacy.SameName(s.user, p.Username)) && s.fingerprint == ""
}
