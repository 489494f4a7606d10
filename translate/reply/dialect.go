package reply

import (
	"net/http"
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
	j, x, wild := offer{q: -1}, offer{q: -1}, offer{q: -1}
	order := 0
	for _, line := range h.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			order++
			media, params, _ := strings.Cut(item, ";")
			o := offer{q: quality(params), order: order, explicit: true}
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "application/json", "text/json", "json":
				j.improve(o)
			case "application/xml", "text/xml", "xml":
				x.improve(o)
			case "*/*", "*", "application/*", "text/*":
				wild.improve(offer{q: o.q})
			}
		}
	}
	if x.or(wild).beats(j.or(wild)) {
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

// offer is how much a caller wants one form: its quality 0..1000, or -1 if it was not named.
type offer struct {
	q, order int
	explicit bool
}

func (o *offer) improve(p offer) {
	if p.q > o.q {
		*o = p
	}
}

func (o offer) or(wild offer) offer {
	if o.q < 0 {
		return wild
	}
	return o
}

// beats reports whether o is wanted more than p: by quality, then because it was named, then because it was named
// first.
func (o offer) beats(p offer) bool {
	switch {
	case o.q != p.q:
		return o.q > p.q && o.q > 0
	case o.explicit != p.explicit:
		return o.explicit && o.q > 0
	}
	return o.q > 0 && o.order < p.order
}

// quality reads the q parameter in thousandths; absent or unreadable is 1000.
func quality(params string) int {
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		name, value, ok := strings.Cut(p, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return 1000
		}
		return int(f * 1000)
	}
	return 1000
}
