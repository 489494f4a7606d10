package reply

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Dialect is the form in which a caller reads answers.
type Dialect uint8

// The forms. JSON is the zero value because it is what DocuSign answers when nothing was asked for (PROTOCOL.md §8.1).
const (
	JSON Dialect = iota
	XML
	SOAP11
	SOAP12
	OAuthJSON
	OAuthXML
)

// IsSOAP reports whether d is one of the two SOAP versions.
func (d Dialect) IsSOAP() bool { return d == SOAP11 || d == SOAP12 }

// ForREST chooses between JSON and XML by the Accept lines of h (RFC 9110 §12.5.1). The bare words json and xml
// count, as the Ruby gem sends them. Without Accept, with nothing but wildcards, or with nothing known in it, the
// answer is JSON whatever the request's body is.
func ForREST(h http.Header) Dialect {
	var inJSON, inXML, wild offer
	order := 0
	for _, line := range h.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			order--
			media, params, _ := strings.Cut(item, ";")
			o := offer{quality(params), 1, order}
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "application/json", "text/json", "json":
				inJSON.improve(o)
			case "application/xml", "text/xml", "xml":
				inXML.improve(o)
			case "*/*", "*", "application/*", "text/*":
				wild.improve(offer{o[0]})
			}
		}
	}
	for _, o := range []*offer{&inJSON, &inXML} {
		if o[1] == 0 {
			*o = wild
		}
	}
	if inXML[0] > 0 && inXML.compare(inJSON) > 0 {
		return XML
	}
	return JSON
}

// ForOAuth is ForREST for the oauth2/token and oauth2/revoke end points.
func ForOAuth(h http.Header) Dialect {
	if ForREST(h) == XML {
		return OAuthXML
	}
	return OAuthJSON
}

// ForSOAP guesses the SOAP version by Content-Type, for a message whose envelope cannot be read. The type may be
// hidden in the parameters of multipart/related (MTOM).
func ForSOAP(h http.Header) Dialect {
	if strings.Contains(strings.ToLower(h.Get("Content-Type")), "application/soap+xml") {
		return SOAP12
	}
	return SOAP11
}

// offer is how much a caller wants one form: its quality in thousandths, then 1 if it was named, then the higher the
// earlier it was named.
type offer [3]int

func (o offer) compare(p offer) int { return slices.Compare(o[:], p[:]) }

func (o *offer) improve(p offer) {
	if p.compare(*o) > 0 {
		*o = p
	}
}

// quality reads the q parameter in thousandths; absent or unreadable is 1000.
func quality(params string) int {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err == nil && f >= 0 && f <= 1 {
			return int(f * 1000)
		}
	}
	return 1000
}
