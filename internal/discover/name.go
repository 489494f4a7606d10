package discover

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/shown"
)

// product is a program that names itself with its version (RFC 9110 §10.1.5). Digits in the name are not taken: what
// stands there could be a password in the wrong field, and the name becomes a label in the metrics.
var product = regexp.MustCompile(`^([A-Za-z][A-Za-z_.-]{2,39})/[0-9]`)

// library is what HTTP libraries and browsers say, which does not tell one program from another.
var library = regexp.MustCompile(`(?i)^(mozilla|curl|wget|java|jakarta|apache|axis|okhttp|python|node|axios|undici|` +
	`php|guzzle|go-http|restsharp|http|postman|insomnia|libwww|lwp|ruby|faraday|perl|dart|unirest|gsoap|docusign|` +
	`swagger|openapi|microsoft|windows|\.net|ms-web|xml|soap|jax|cxf|spring|winhttp|powershell|oracle|sap|` +
	`salesforce|delphi|indy)`)

// wordsTogether is where one word of NightlyBilling ends.
var wordsTogether = regexp.MustCompile(`([a-z])([A-Z])`)

var notOfALabel = regexp.MustCompile(`[^a-z0-9_.-]+`)

// nameOf is a name for the integration: of the program, of the one user, of the users' domain, of the key.
func (k *foundKey) nameOf(taken map[string]bool) string {
	name := ""
	for _, agent := range byCount(k.Agents) {
		if m := product.FindStringSubmatch(agent); name == "" && m != nil && !library.MatchString(agent) {
			name = wordsTogether.ReplaceAllString(m[1], "$1-$2")
		}
	}
	name = cmp.Or(name, k.nameOfUsers(), "key-"+lastPart(k.Key))
	name = strings.Trim(notOfALabel.ReplaceAllString(strings.ToLower(name), "-"), "_.-")
	name = cmp.Or(name[:min(len(name), 50)], "integration")
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = name + "-" + strconv.Itoa(n)
	}
	taken[unique] = true
	return unique
}

// nameOfUsers is the first part of the one user's address, or the domain that all users have in common.
func (k *foundKey) nameOfUsers() string {
	var locals, domains []string
	for _, name := range slices.Sorted(maps.Keys(k.Users)) {
		local, domain, found := strings.Cut(name, "@")
		if !found || !shown.PlainName(name) {
			continue
		}
		locals, domains = append(locals, local), append(domains, domain)
	}
	switch domains = slices.Compact(slices.Sorted(slices.Values(domains))); {
	case len(locals) == 1:
		return locals[0]
	case len(domains) == 1:
		host, _, _ := strings.Cut(domains[0], ".")
		return host
	case len(locals) > 0:
		return locals[0]
	}
	return ""
}

// lastPart is the end of a key: keys of one vendor often begin alike.
func lastPart(key string) string { return key[strings.LastIndexByte(key, '-')+1:] }
