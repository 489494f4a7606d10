package legacy

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"docusign-auth-proxy/internal/secret"
)

// The members of the header's object that mean something.
const (
	fieldUsername  = "Username"
	fieldPassword  = "Password"
	fieldKey       = "IntegratorKey"
	fieldPrincipal = "SendOnBehalfOf"
	fieldBearer    = "Bearer"
)

// fieldNamed finds a field without regard to case and blanks around it; "" = it is none.
func fieldNamed(name string) string {
	name = strings.TrimSpace(name)
	for _, n := range [...]string{fieldUsername, fieldPassword, fieldKey, fieldPrincipal, fieldBearer} {
		if strings.EqualFold(name, n) {
			return n
		}
	}
	return ""
}

// fields is what a parser found. The texts are not trimmed yet.
type fields struct {
	values    map[string]string // that of the password is the first reading
	passwords []string
	latin     bool // each character of the passwords stands for one byte of a value that was not UTF-8
}

func newFields() *fields { return &fields{values: map[string]string{}} }

// set refuses a field that comes twice with different texts: whoever reads the value after the proxy might take the
// other one.
func (f *fields) set(n string, texts ...string) (reason string) {
	if first, again := f.values[n]; again && first != texts[0] {
		return "two different " + n + " fields"
	}
	f.values[n] = texts[0]
	if n == fieldPassword {
		f.passwords = append(f.passwords, texts...)
	}
	return ""
}

func (f *fields) sameNames(o *fields) bool {
	for _, n := range [...]string{fieldUsername, fieldKey, fieldPrincipal, fieldBearer} {
		if f.values[n] != o.values[n] {
			return false
		}
	}
	return true
}

// credential checks the names and settles the readings of the password. With an error the Credential still has the
// Scheme, and the key when it could be read, so that the failure can be counted for its integration.
func (f *fields) credential(scheme Scheme, isKey func(string) bool) (Credential, error) {
	c := Credential{Scheme: scheme}
	if reason := f.fill(&c, isKey); reason != "" {
		return c, &FormatError{Scheme: scheme, Reason: reason, OnlyKey: reason == reasonOnlyKey}
	}
	return c, nil
}

func (f *fields) fill(c *Credential, known keyTable) (reason string) {
	key, username, principal := f.name(fieldKey), f.name(fieldUsername), f.name(fieldPrincipal)
	if reason := flaw(key); reason != "" {
		return reason + " in IntegratorKey"
	}
	c.IntegratorKey = key
	bearer, borne := f.values[fieldBearer]
	switch {
	case borne && (username != "" || len(f.passwords) > 0):
		return "both a Bearer field and a user name or password"
	case borne:
		return c.setBearer(bearer)
	case username == "" && key != "" && len(f.passwords) == 0:
		return reasonOnlyKey
	case username == "":
		return "no Username"
	case flaw(principal) != "":
		return flaw(principal) + " in SendOnBehalfOf"
	}
	brackets, rest, reason := cutBrackets(username)
	if reason != "" {
		return reason + " in Username"
	}
	bracketKey, behalf := known.assign(brackets, key)
	if bracketKey != "" && key != "" && !SameName(bracketKey, key) {
		return "two different integrator keys: IntegratorKey and the bracket in Username"
	}
	c.IntegratorKey = cmp.Or(key, bracketKey)
	if SameName(behalf, rest) {
		behalf = ""
	}
	if principal != "" && behalf != "" && !SameName(principal, behalf) {
		return "two different principals: SendOnBehalfOf and the bracket in Username"
	}
	c.Username, c.Passwords = rest, f.readings()
	if principal = cmp.Or(principal, behalf); !SameName(principal, rest) {
		c.OnBehalfOf = principal
	}
	return ""
}

const reasonOnlyKey = "only an integrator key"

func (c *Credential) setBearer(value string) (reason string) {
	token, ok := Bearer(value)
	if !ok {
		return "a Bearer field that holds no token"
	}
	c.Scheme, c.Bearer = LegacyBearer, secret.New(token)
	if LooksLikeOAuth(token) {
		c.Scheme = OAuthBearer
	}
	return ""
}

// name is a field in its one reading: names are looked up, not guessed.
func (f *fields) name(n string) string { return strings.TrimSpace(f.values[n]) }

// readLatin settles the names of a value that was not UTF-8.
func (f *fields) readLatin() {
	f.latin = true
	for n, s := range f.values {
		f.values[n] = likelyText(s)
	}
}

// plainFields takes texts that came without the header's syntax around them.
func plainFields(username, key string, passwords ...secret.Text) *fields {
	f := newFields()
	f.values[fieldUsername], f.values[fieldKey] = validName(username), validName(key)
	f.latin = slices.ContainsFunc(passwords, func(p secret.Text) bool { return !utf8.ValidString(p.Reveal()) })
	for _, p := range passwords {
		text := p.Reveal()
		if f.latin {
			text = fromLatin1(text)
		}
		f.passwords = append(f.passwords, text)
	}
	return f
}

// readings turns the texts of a password into candidates, the likely ones first.
func (f *fields) readings() []secret.Text {
	var list []secret.Text
	add := func(read func(string) string) {
		for _, s := range f.passwords {
			t := secret.New(read(s))
			if !t.Empty() && len(list) < maxPasswords && !slices.Contains(list, t) {
				list = append(list, t)
			}
		}
	}
	if f.latin {
		add(likelyText)
	}
	add(func(s string) string { return s })
	if f.latin {
		add(toWindows1252)
		add(toBytes)
	}
	return list
}

// withTrimmed adds the reading without the blanks that clients leave inside XML elements (PROTOCOL.md §1.4 V7).
func withTrimmed(texts ...string) []string {
	for _, s := range texts {
		texts = append(texts, strings.TrimSpace(s))
	}
	return texts
}
