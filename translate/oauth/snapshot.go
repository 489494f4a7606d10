package oauth

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"docusign-auth-proxy/internal/cause"
)

// State is what a status page shows of one identity. Zero times mean never.
type State struct {
	Identity          Identity
	Obtained, Expires time.Time // of the live token
	Consent           ConsentState
	Failure           *Failure // of the last grant; nil if it worked
	UserInfoFailure   *Failure
	Accounts          []Account // as UserInfo told them last
}

// ConsentState is what grants have shown about consent.
type ConsentState string

// The consent states.
const (
	ConsentUnknown ConsentState = "unknown"
	ConsentGiven   ConsentState = "given"
	ConsentMissing ConsentState = "required"
)

// Failure describes fetches that failed in one way since Since; the next attempt is not before Next.
type Failure struct {
	Label       string // bounded
	Text        string
	Cause       cause.ID // tells what the operator does
	Fill        []string // values for its texts that are known here
	Temporary   bool
	Since, Next time.Time
}

// KeyState tells of one configured key whether it was the last that the account server took.
type KeyState struct {
	Issuer, KeyID, Name string
	Works               bool
}

// Snapshot returns the state of every identity asked for so far, in a stable order.
func (c *Client) Snapshot() []State {
	now := c.cfg.Now()
	var list []State
	for _, s := range c.subjects.All() {
		list = append(list, s.state(now))
	}
	slices.SortFunc(list, func(x, y State) int {
		a, b := x.Identity, y.Identity
		return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Scopes, b.Scopes))
	})
	return list
}

// Keys returns the state of every configured key, by issuer and then in the order of the configuration.
func (c *Client) Keys() []KeyState {
	var list []KeyState
	for _, id := range slices.Sorted(maps.Keys(c.issuers)) {
		is := c.issuers[id]
		for _, k := range is.keys {
			list = append(list, KeyState{Issuer: id, KeyID: k.ID, Name: k.Name, Works: k == is.good.Load()})
		}
	}
	return list
}

func (s *subject) state(now time.Time) State {
	token, failed := s.token.state()
	info, infoFailed := s.info.state()
	st := State{
		Identity: s.id, Consent: ConsentUnknown, Failure: failed.describe(), UserInfoFailure: infoFailed.describe(),
	}
	if token.usable(now) {
		st.Obtained, st.Expires, st.Consent = token.val.Obtained, token.val.Expires, ConsentGiven
	}
	if ge, ok := errors.AsType[*GrantError](failed.err); ok && ge.Kind == ConsentRequired {
		st.Consent = ConsentMissing
	}
	if info != nil {
		st.Accounts = info.val.Accounts
	}
	return st
}

func (f *failure) describe() *Failure {
	if f.err == nil {
		return nil
	}
	d := &Failure{
		Label: "other", Text: f.err.Error(), Temporary: temporary(f.err), Since: f.since, Next: f.until, Cause: cause.Other,
	}
	var labelled interface{ Label() string }
	if errors.As(f.err, &labelled) {
		d.Label = labelled.Label()
	}
	if known, ok := errors.AsType[cause.Explained](f.err); ok {
		d.Cause, d.Fill = known.Row()
	}
	return d
}
