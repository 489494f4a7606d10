package config

import (
	"net/url"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/integration"
)

// Shapes of the identifiers DocuSign gives out (PROTOCOL.md §1.2).
var (
	guidSyntax          = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	integratorKeySyntax = regexp.MustCompile(`^([0-9A-Za-z]{4}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	emailSyntax         = regexp.MustCompile(`^[^\s\[\]<>"@]{1,256}@[^\s\[\]<>"@]{1,256}$`)
	accountNumberSyntax = regexp.MustCompile(`^[0-9]{1,18}$`)
	scopeSyntax         = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`) // RFC 6749 §3.3
	labelSyntax         = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)
)

const guidHint = "a GUID is 32 hexadecimal digits as in a1b2c3d4-0000-4000-8000-000000000001"

// format is what a text must look like besides its type.
type format struct {
	fits      func(text string) bool
	otherwise complaint
}

// formats are the words of the schema's tag.
func formats() map[string]format {
	return map[string]format{
		"guid": {orNone(isGUID), complaint{"must be a GUID", guidHint}},
		"integrator key": {orNone(integratorKeySyntax.MatchString), complaint{
			"must be a GUID, or four characters, a dash and a GUID", guidHint,
		}},
		"person": {orNone(isPerson), complaint{"must be an e-mail address or a GUID", guidHint}},
		"person or *": {
			func(text string) bool { return text == integration.Anyone || isPerson(text) },
			complaint{message: `must be an e-mail address, a GUID or "*"`},
		},
		"scope": {scopeSyntax.MatchString, complaint{
			"must be one scope without blanks", "write a list, as in [signature, impersonation]",
		}},
		"label": {orNone(labelSyntax.MatchString), complaint{
			"must be at most 63 letters, digits and _ . - and begin with a letter or digit", "it becomes a label in the metrics",
		}},
		"uri": {orNone(isURI), complaint{
			"must be an absolute http or https address without a # part", "write it as it is registered with DocuSign",
		}},
		"bare host": {without("/ "), complaint{"must be a bare host", "leave out https:// and every slash"}},
		"login":     {without(":"), complaint{"must not contain a colon", "RFC 7617 ends the name there"}},
	}
}

func orNone(fits func(string) bool) func(string) bool {
	return func(text string) bool { return text == "" || fits(text) }
}

func without(letters string) func(string) bool {
	return func(text string) bool { return !strings.ContainsAny(text, letters) }
}

func isGUID(text string) bool { return guidSyntax.MatchString(text) }

func isPerson(name string) bool { return emailSyntax.MatchString(name) || isGUID(name) }

// isURI tells an address that a browser can return to.
func isURI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		!strings.Contains(text, "#")
}
