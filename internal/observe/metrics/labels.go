package metrics

import (
	"strconv"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
)

// vocabulary is the closed list of a label's values; whatever is not in it is written as "other".
type vocabulary struct {
	words []string // words[0] is "other"
	index map[string]uint8
}

const otherWord = 0

func newVocabulary(words ...string) vocabulary {
	v := vocabulary{index: map[string]uint8{}}
	v.add("other")
	for _, w := range words {
		v.add(w)
	}
	return v
}

// add ignores what no longer fits into the index: it is counted as "other" like any stranger.
func (v *vocabulary) add(word string) {
	if _, ok := v.index[word]; ok || word == "" || len(v.words) > 255 {
		return
	}
	v.index[word] = uint8(len(v.words))
	v.words = append(v.words, word)
}

func (v *vocabulary) find(word string) uint8 { return v.index[word] }

func (v *vocabulary) word(i uint8) string { return v.words[i] }

// known gives the word itself if it is one of the list, else "other".
func (v *vocabulary) known(word string) string { return v.words[v.index[word]] }

// labelWords are the closed lists of all labels but integration.
type labelWords struct {
	schemes, doors, apis, outcomes, classes, tls, causes, replays, connects, grantErrors, rehearsals, modes, soap, conns, panics vocabulary
}

func newLabelWords() labelWords {
	return labelWords{
		schemes:     schemeWords(),
		doors:       newVocabulary(string(call.DoorForward), string(call.DoorConnect), string(call.DoorSidecar), string(call.DoorHosts)),
		apis:        apiWords(),
		outcomes:    outcomeWords(),
		classes:     newVocabulary("none", "1xx", "2xx", "3xx", "4xx", "5xx"),
		tls:         newVocabulary("none", "1.0", "1.1", "1.2", "1.3"),
		causes:      newVocabulary(causeWords()...),
		replays:     newVocabulary(reply.TokenRefused.String(), reply.WrongSite.String()),
		connects:    newVocabulary(connectWords()...),
		grantErrors: newVocabulary(kindWords[oauth.Kind]()...),
		rehearsals:  newVocabulary(append([]string{"would_work"}, causeWords()...)...),
		modes:       newVocabulary("translate", "observe", "block"),
		soap:        newVocabulary("bearer", "app_password", "rest"),
		conns:       newVocabulary(call.ConnCauses()...),
		panics:      newVocabulary(call.PanicPlaces()...),
	}
}

func schemeWords() vocabulary {
	v := newVocabulary()
	for _, s := range legacy.Schemes() {
		v.add(s.String())
	}
	return v
}

func apiWords() vocabulary {
	v := newVocabulary()
	for _, a := range call.APIs() {
		v.add(string(a))
	}
	for _, s := range services.All() {
		v.add(string(s.API))
	}
	return v
}

func outcomeWords() vocabulary {
	v := newVocabulary()
	for _, o := range [...]call.Outcome{
		call.OutcomeOK, call.OutcomeClientError, call.OutcomeServerError, call.OutcomeRefused, call.OutcomeToken, call.OutcomeUnreachable, call.OutcomeAborted, call.OutcomeInternal,
	} {
		v.add(string(o))
	}
	return v
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

// causeWords are the causes of failures: those of the packages that find them, DocuSign's usual statuses, and this package's own.
func causeWords() []string {
	words := []string{"panic", "cut_off", "client_gone", "docusign_4xx", "docusign_5xx"}
	words = append(words, kindWords[translate.Kind]()...)
	words = append(words, kindWords[reply.Kind]()...)
	words = append(words, kindWords[oauth.Kind]()...)
	for _, status := range [...]int{400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 422, 429, 500, 501, 502, 503, 504} {
		words = append(words, "docusign_"+strconv.Itoa(status))
	}
	return append(words, egress.ReasonNotListed, egress.ReasonDocuSignPort, egress.ReasonClientAddress, egress.ReasonClientUnknown, egress.ReasonClientCredential)
}

// connectWords are the reasons why a CONNECT is refused; the last ones are found when the tunnel is dialled.
func connectWords() []string {
	return []string{
		"bad_target", "no_ca", egress.ReasonNotListed, egress.ReasonDocuSignPort, egress.ReasonEnvironment,
		egress.ReasonClientAddress, egress.ReasonClientUnknown, egress.ReasonClientCredential, egress.ReasonThrottled, egress.ReasonBusy,
		"too_many_tunnels", "unreachable", "timeout",
		egress.RuleSelf, egress.RuleMetadata, egress.RuleUnspecified, egress.RuleLoopback, egress.RuleLinkLocal, egress.RulePrivate, egress.RuleShared,
		egress.RuleDocumentation, egress.RuleSpecial, egress.RuleTranslation, egress.RuleMulticast, egress.RuleReserved, egress.RuleUnknown,
	}
}

// cause finds a failure's cause; a rare status of DocuSign's is known by its class.
func (w *labelWords) cause(word string, status int) uint8 {
	if i := w.causes.find(word); i != otherWord {
		return i
	}
	const prefix = "docusign_"
	if len(word) != len(prefix)+3 || word[:len(prefix)] != prefix {
		return otherWord
	}
	if status >= 500 {
		return w.causes.find("docusign_5xx")
	}
	return w.causes.find("docusign_4xx")
}

func (w *labelWords) class(status int) uint8 {
	if status == 0 {
		return 1 // "none"
	}
	if status < 100 || status > 599 {
		return otherWord
	}
	return uint8(1 + status/100)
}

func (w *labelWords) tlsVersion(v uint16) uint8 {
	switch {
	case v == 0:
		return 1 // "none"
	case v >= 0x0301 && v <= 0x0304:
		return uint8(v - 0x0301 + 2)
	}
	return otherWord
}
