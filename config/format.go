package config

import (
	"net/url"
	"regexp"
	"strings"
	"sync"

	"docusign-auth-proxy/internal/cause"
)

// Shapes of the identifiers DocuSign gives out (PROTOCOL.md §1.2), in what RE2 and JSON Schema have in common.
const (
	guidShape  = `[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`
	emailShape = `[^\s\[\]<>"@]{1,256}@[^\s\[\]<>"@]{1,256}`
)

var (
	guidSyntax          = regexp.MustCompile(`^` + guidShape + `$`)
	accountNumberSyntax = regexp.MustCompile(`^[0-9]{1,18}$`)
)

const guidHint = "a GUID is 32 hexadecimal digits as in a1b2c3d4-0000-4000-8000-000000000001"

// format is what a text must look like besides its type.
type format struct {
	shape     string // regular expression of the whole text; the schema for editors has it too
	syntax    *regexp.Regexp
	plain     string // JSON types besides string that can look so where they stand without quotes
	otherwise complaint
	fits      func(text string) bool // what the shape cannot tell; nil = it tells all
}

// accepts tells whether a text has the format.
func (f format) accepts(text string) bool {
	return f.syntax.MatchString(text) && (f.fits == nil || text == "" || f.fits(text))
}

// formats are the words of the schema's tag.
var formats = sync.OnceValue(func() map[string]format { //nolint:gochecknoglobals // read only, and made once
	const person = emailShape + `|` + guidShape
	const label = `|[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}`
	const labelRule = "must be at most 63 letters, digits and _ . - and begin with a letter or digit"
	all := map[string]format{}
	for name, f := range map[string]format{
		"guid": {shape: `|` + guidShape, otherwise: complaint{"must be a GUID", cause.InvalidSubject.Next()}},
		"integrator key": {shape: `|([0-9A-Za-z]{4}-)?` + guidShape, otherwise: complaint{
			"must be a GUID, or four characters, a dash and a GUID", guidHint,
		}},
		"person":      {shape: `|` + person, otherwise: complaint{"must be an e-mail address or a GUID", guidHint}},
		"person or *": {shape: person + `|\*`, otherwise: complaint{message: `must be an e-mail address, a GUID or "*"`}},
		"scope": {shape: `[\x21\x23-\x5B\x5D-\x7E]+`, plain: plainText, otherwise: complaint{ // RFC 6749 §3.3
			"must be one scope without blanks", "write a list, as in [signature, impersonation]",
		}},
		"label": {shape: label, plain: plainText, otherwise: complaint{labelRule, "it becomes a label in the metrics"}},
		"namespace": {shape: label, plain: plainText, otherwise: complaint{
			labelRule, "each key of the store begins with it",
		}},
		"uri": {shape: `|[Hh][Tt][Tt][Pp][Ss]?://[^#]+`, fits: isURI, otherwise: complaint{
			"must be an absolute http or https address without a # part", "write it as it is registered with DocuSign",
		}},
		"bare host": {shape: `[^/ ]*`, plain: plainText, otherwise: complaint{
			"must be a bare host", "leave out https:// and every slash",
		}},
		"login": {shape: `[^:]*`, plain: plainText, otherwise: complaint{
			"must not contain a colon", "RFC 7617 ends the name there",
		}},
	} {
		f.syntax = regexp.MustCompile(whole(f.shape))
		all[name] = f
	}
	return all
})

// whole makes a shape hold for all of a text.
func whole(shape string) string { return `^(?:` + shape + `)$` }

func isGUID(text string) bool { return guidSyntax.MatchString(text) }

// isURI tells an address that a browser can return to.
func isURI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		!strings.Contains(text, "#")
}
