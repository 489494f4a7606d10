package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/words"
)

// fault is a finding that several may have in common. It is told once.
type fault struct {
	Finding
	same   string // equal for those who have the same fault; "" = nobody else can have it
	person string // who has to mend it, if each has to; else it is mended for all at once
	name   string // of the user
	page   string // where the user mends it
	blocks string // what is not looked at because of it
}

// row is the row of the table of causes for an error about a token or a user, with the values that a running proxy
// fills in.
func (v *visit) row(err error) (cause.ID, []string) {
	id, fill := cause.TokenUnavailable, []string{}
	if known, ok := errors.AsType[cause.Explained](err); ok {
		id, fill = known.Row()
	}
	return id, v.values(fill...)
}

func (v *visit) values(fill ...string) []string {
	return slices.Concat(v.run.values(), []string{"key", v.in.OAuth.ClientID, "guid", v.id.Subject}, fill,
		[]string{"user", v.user.Username, "integration", v.in.Name})
}

// values are those that every text may have.
func (c *run) values() []string {
	fill := []string{"config", c.Config}
	if c.cfg != nil && c.cfg.Egress.Policy != nil {
		fill = append(fill, "environment", string(c.cfg.Egress.Policy.Environment), "server", c.cfg.AccountServer.Authority())
	}
	return fill
}

// of is a finding with the texts of a row.
func of(check, subject string, s Status, why string, id cause.ID, fill []string) Finding {
	return Finding{Check: check, Subject: subject, Status: s, Found: id.Means(fill...), Why: why, Next: id.Next(fill...)}
}

// note keeps a fault until all users of the integration were looked at: others may have the same.
func (v *visit) note(f fault) {
	f.name, f.Subject = v.user.Username, v.subject
	v.noted = append(v.noted, f)
}

// tellNoted tells each fault of an integration once, with all who have it.
func (c *network) tellNoted(in *integration.Integration) {
	for len(c.noted) > 0 {
		var alike, others []fault
		for i, f := range c.noted {
			if i == 0 || f.same != "" && f.same == c.noted[0].same {
				alike = append(alike, f)
			} else {
				others = append(others, f)
			}
		}
		c.noted = others
		c.tellAlike(in, alike)
	}
}

func (c *network) tellAlike(in *integration.Integration, alike []fault) {
	known := func(f fault) bool { return f.same != "" && c.told[f.same+f.person] != "" }
	if before := slices.IndexFunc(alike, known); before >= 0 { // told of another integration
		again := alike[before]
		c.skip(again.Check, subjectOf(in, again, len(alike)), again.Found, c.told[again.same+again.person])
		alike = slices.DeleteFunc(alike, known)
	}
	if len(alike) == 0 {
		return
	}
	f := alike[0].Finding
	f.Subject = subjectOf(in, alike[0], len(alike))
	var others, waiting []string
	for i, one := range alike {
		switch {
		case i > 0 && one.person != "" && one.person == alike[0].person:
			waiting = append(waiting, one.name)
			continue
		case i > 0:
			others = append(others, one.name)
		}
		if one.page != "" {
			f.Pages = append(f.Pages, Page{cmp.Or(one.person, one.name), one.page})
		}
	}
	f.Found += and("the same for ", others) + and("it is needed too for ", waiting)
	name := f.Because
	if f.Status == Skipped {
		c.skip(f.Check, f.Subject, f.Found, f.Because)
	} else {
		name = c.add(f)
	}
	for _, one := range alike {
		c.told[one.same+one.person] = name
	}
	if blocked := alike[0].blocks; blocked != "" {
		c.skip("calls", f.Subject, blocked+" were not looked at", name)
	}
}

func and(what string, names []string) string {
	if names == nil {
		return ""
	}
	return "; " + what + strings.Join(names, ", ")
}

// subjectOf names the one who has a fault, or how many have it.
func subjectOf(in *integration.Integration, f fault, users int) string {
	if users == 1 {
		return f.Subject
	}
	return fmt.Sprintf("%s (%s)", in.Name, words.Count(users, "user", "users"))
}

// personal reports whether a fault is mended for each user alone.
func personal(id cause.ID) bool {
	return slices.Contains([]cause.ID{cause.ConsentRequired, cause.UserNotFound, cause.InvalidSubject, cause.LoginRequired,
		cause.NoGUID, cause.NotFoundByAdmin, cause.LacksMembership}, id)
}

// ofKey reports whether a fault is mended for all users of an integration key.
func ofKey(id cause.ID) bool {
	return slices.Contains([]cause.ID{cause.InvalidKey, cause.InvalidScope, cause.InvalidRequest, cause.NotConfigured,
		cause.UnsupportedGrantType, cause.Refused, cause.PrefixedIssuer, cause.ClientSecret}, id)
}
