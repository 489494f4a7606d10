package metrics

import (
	"crypto/tls"
	"maps"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
)

// other stands for every value that is not in a label's list.
const other = "other"

// words is the closed list of a label's values.
type words map[string]bool

func wordsOf[S ~string](list ...S) words {
	w := words{}
	for _, s := range list {
		w[string(s)] = true
	}
	return w
}

// known gives the word itself if it is one of the list, else "other".
func (w words) known(word string) string {
	if w[word] {
		return word
	}
	return other
}

// andOther lists the values that a label can have.
func (w words) andOther() []string { return append(slices.Collect(maps.Keys(w)), other) }

// labelWords are the closed lists of all labels but integration.
type labelWords struct {
	schemes, legacySchemes, doors, apis, outcomes, classes, tls, causes, replays, connects words
	grantErrors, rehearsals, conns, panics, operations, soapClasses, creations, claims     words

	needed []string // the causes for which somebody is needed: alerts are about them
}

func newLabelWords() labelWords {
	w := labelWords{
		schemes:       words{},
		legacySchemes: words{},
		doors:         wordsOf(call.Doors()...),
		apis:          wordsOf(call.APIs()...),
		outcomes:      wordsOf(call.Outcomes()...),
		classes:       wordsOf("none", "1xx", "2xx", "3xx", "4xx", "5xx"),
		tls:           wordsOf("none", "1.0", "1.1", "1.2", "1.3"),
		causes:        wordsOf(causeWords()...),
		replays:       wordsOf(string(reply.TokenRefused), string(reply.WrongSite)),
		connects:      wordsOf(connectWords()...),
		grantErrors:   wordsOf(kindWords[oauth.Kind]()...),
		rehearsals:    wordsOf(append(causeWords(), "would_work")...),
		conns:         wordsOf(call.ConnCauses()...),
		panics:        wordsOf(call.PanicPlaces()...),
		operations:    words{},
		soapClasses:   wordsOf(call.SOAPClasses()...),
		creations:     wordsOf(call.Creations()...),
		claims:        wordsOf(oauth.ClaimResults()...),
	}
	for _, s := range services.All() {
		w.apis[string(s.API)] = true
		for _, o := range s.Description().Operations {
			w.operations[o.Name] = true
		}
	}
	for _, s := range legacy.Schemes() {
		w.schemes[s.String()] = true
		w.legacySchemes[s.String()] = s.Legacy()
	}
	for word := range w.causes {
		if id, ok := cause.Lookup(word); ok && id.Of().Severity > cause.Note {
			w.needed = append(w.needed, word)
		}
	}
	return w
}

// kindWords gives the labels of an enumeration, whose String has a default beyond its end.
func kindWords[K interface {
	~uint8
	String() string
}]() []string {
	var words []string
	for k := range K(64) {
		words = append(words, k.String())
	}
	return words
}

// causeWords are the causes of failures: those of the packages that find them, DocuSign's usual statuses, and the
// proxy's own.
func causeWords() []string {
	words := kindWords[call.Kind]()
	for _, id := range [...]cause.ID{
		cause.Panic, cause.CutOff, cause.ClientGone, cause.DocuSign4xx, cause.DocuSign5xx, cause.SOAPFailed,
		cause.BearerRefused, cause.AppPasswordRefused, cause.SOAPFault,
	} {
		words = append(words, id.String())
	}
	words = append(words, kindWords[oauth.Kind]()...)
	for _, status := range [...]int{
		400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 422, 429, 500, 501, 502, 503, 504,
	} {
		words = append(words, "docusign_"+strconv.Itoa(status))
	}
	return append(words, egress.ReasonNotListed, egress.ReasonDocuSignPort, egress.ReasonClientAddress,
		egress.ReasonClientUnknown, egress.ReasonClientCredential)
}

// connectWords are the reasons why a CONNECT is refused; the last ones are found when the tunnel is dialled.
func connectWords() []string {
	return []string{
		"bad_target", "no_ca", egress.ReasonNotListed, egress.ReasonDocuSignPort, egress.ReasonEnvironment,
		egress.ReasonClientAddress, egress.ReasonClientUnknown, egress.ReasonClientCredential, egress.ReasonThrottled,
		egress.ReasonBusy, "too_many_tunnels", "unreachable", "timeout",
		egress.RuleSelf, egress.RuleMetadata, egress.RuleUnspecified, egress.RuleLoopback, egress.RuleLinkLocal,
		egress.RulePrivate, egress.RuleShared, egress.RuleDocumentation, egress.RuleSpecial, egress.RuleTranslation,
		egress.RuleMulticast, egress.RuleReserved, egress.RuleUnknown,
	}
}

// cause finds a failure's cause; a rare status of DocuSign's is known by its class.
func (w *labelWords) cause(word string, status int) string {
	switch rest, found := strings.CutPrefix(word, "docusign_"); {
	case w.causes[word]:
		return word
	case !found || len(rest) != 3:
		return other
	case status >= 500:
		return "docusign_5xx"
	}
	return "docusign_4xx"
}

// classLabel names the class of a status; 0 = there was none.
func classLabel(status int) string {
	classes := [...]string{other, "1xx", "2xx", "3xx", "4xx", "5xx"}
	switch i := status / 100; {
	case status == 0:
		return "none"
	case status > 0 && i < len(classes):
		return classes[i]
	}
	return other
}

// tlsLabel names the version of a caller's connection; 0 = there was no TLS.
func tlsLabel(version uint16) string {
	if version == 0 {
		return "none"
	}
	if name, ok := strings.CutPrefix(tls.VersionName(version), "TLS "); ok {
		return name
	}
	return other
}

// result is the label of what succeeds or fails.
func result(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
