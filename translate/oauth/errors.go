package oauth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/translate/legacy"
)

// Kind says why no token could be had (PROTOCOL.md §6.4). Its String is a bounded metric label.
type Kind uint8

// The kinds. The terminal ones last until a person changes something; the others pass. classify looks for the words of
// those up to InvalidScope.
const (
	Unclassified         Kind = iota // an error of a Granter that is not a *GrantError; passes
	ConsentRequired                  // terminal: the user never consented, or not to these scopes
	UserNotFound                     // terminal: sub unknown in this environment, or inactive
	InvalidSubject                   // terminal: sub is not a user GUID
	IssuerNotFound                   // terminal: integration key unknown in this environment
	InvalidKey                       // terminal: no private key fits, or wrong aud, or a wrong clock
	ExpiredGrant                     // terminal: the assertion had expired on arrival
	UnsupportedGrantType             // terminal
	InvalidScope                     // terminal
	InvalidRequest                   // terminal
	Refused                          // terminal: any other OAuth error
	NotConfigured                    // terminal: unknown integration key, or none of its keys given
	Throttled                        // 429
	ServerError                      // 5xx and the like
	Network                          // no answer
	BadAnswer                        // an answer that is not the account server's: HTML, a redirect, no token in it
	LoginRequired                    // terminal: authorization code grant without a refresh token that works
	StoreUnreachable                 // a refresh token is not exchanged without the store of all replicas
	kinds
)

// causes are the rows of the table of causes.
func causes() [kinds]cause.ID {
	return [kinds]cause.ID{
		Unclassified: cause.Other, ConsentRequired: cause.ConsentRequired, UserNotFound: cause.UserNotFound,
		InvalidSubject: cause.InvalidSubject, IssuerNotFound: cause.IssuerNotFound, InvalidKey: cause.InvalidKey,
		ExpiredGrant: cause.ExpiredGrant, UnsupportedGrantType: cause.UnsupportedGrantType, InvalidScope: cause.InvalidScope,
		InvalidRequest: cause.InvalidRequest, Refused: cause.Refused, NotConfigured: cause.NotConfigured,
		Throttled: cause.GrantThrottled, ServerError: cause.ServerError, Network: cause.Network,
		BadAnswer: cause.BadAnswer, LoginRequired: cause.LoginRequired,
		StoreUnreachable: cause.StoreUnreachable,
	}
}

// cause is the row of the table that speaks of the kind in general.
func (k Kind) cause() cause.ID {
	if k >= kinds {
		k = Unclassified
	}
	return causes()[k]
}

func (k Kind) String() string { return k.cause().String() }

// Temporary reports whether the error may pass without anybody's help.
func (k Kind) Temporary() bool {
	switch k {
	case Throttled, ServerError, Network, BadAnswer, StoreUnreachable:
		return true
	}
	return k == Unclassified || k >= kinds
}

// classify names the kind of a refusal. DocuSign writes the code into error or into error_description; it is not
// consistent about which (PROTOCOL.md §6.4).
func classify(status int, code, description string) Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return Throttled
	case status >= 500 || status == http.StatusRequestTimeout:
		return ServerError
	case code == "":
		return BadAnswer
	}
	code, description = strings.ToLower(code), strings.ToLower(description)
	for kind := ConsentRequired; kind <= InvalidScope; kind++ {
		written := kind.String()
		if kind == InvalidKey {
			written = "no_valid_keys_or_signatures"
		}
		if strings.Contains(code, written) || strings.Contains(description, written) {
			return kind
		}
	}
	switch code {
	case "invalid_request":
		return InvalidRequest
	case "server_error", "temporarily_unavailable":
		return ServerError
	}
	return Refused
}

// GrantError says why there is no token for Identity. It holds neither token nor assertion.
type GrantError struct {
	Kind
	OAuthError  string        // "error" of the answer, cleaned; "" if there was none
	Description string        // "error_description", or what came instead of an answer; cleaned and cut
	HTTPStatus  int           // 0: no answer
	RetryAfter  time.Duration // how long the cache will not ask again; 0 = it will at once
	Identity    Identity
	ConsentURL  string   // where the user consents; only with ConsentRequired
	KeyIDs      []string // fingerprints of the keys that were tried; only with InvalidKey
	audience    string
	finer       cause.ID // a row that says more than that of Kind; 0 = none
	err         error
}

func (e *GrantError) Error() string {
	who := "token for user " + orNone(e.Identity.Subject) + " with integration key " + orNone(e.Identity.Issuer)
	return sentence(e.HTTPStatus, who, e.Kind.String(), e.OAuthError, e.Description)
}

// sentence joins the parts; one that is there already says nothing.
func sentence(status int, parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" && !slices.Contains(said, p) {
			said = append(said, p)
		}
	}
	text := strings.Join(said, ": ")
	if status != 0 {
		text += fmt.Sprintf(" (HTTP %d)", status)
	}
	return text
}

// Unwrap gives the cause, such as a *url.Error, unless the account server refused.
func (e *GrantError) Unwrap() error { return e.err }

// Label is a bounded label for metrics.
func (e *GrantError) Label() string { return e.Kind.String() }

// Cause is the word for it in log, metrics and the cause header, however it is wrapped.
func (e *GrantError) Cause() string { return e.Kind.String() }

// Wait is the pause after which the call may work; 0 = waiting does not help.
func (e *GrantError) Wait() time.Duration {
	if !e.Temporary() {
		return 0
	}
	return e.RetryAfter
}

// Row tells what the operator does (PROTOCOL.md §6.4). Who knows the user's name hands it in.
func (e *GrantError) Row() (cause.ID, []string) {
	id, fill := e.Kind.cause(), []string{
		"user", e.Identity.Subject, "guid", e.Identity.Subject, "key", e.Identity.Issuer, "scopes", e.Identity.Scopes,
		"tried", strings.Join(e.KeyIDs, ", "), "server", e.audience, "consent", e.ConsentURL,
		"redirect", redirectOf(e.ConsentURL), "detail", e.Description,
	}
	_, prefixed := legacy.BareKey(e.Identity.Issuer)
	switch {
	case e.finer != 0:
		id = e.finer
	case e.Kind == IssuerNotFound && prefixed:
		id = cause.PrefixedIssuer
	case e.Kind == Network:
		step, more := stepTo(e.audience, e.err)
		return step, append(fill, more...)
	}
	return id, fill
}

// NextStep is the text of Row with more values, such as the user's name.
func (e *GrantError) NextStep(more ...string) string { return cause.NextStep(e, more...) }

// redirectOf is the address to which a consent page leads.
func redirectOf(page string) string {
	u, err := url.Parse(page)
	if err != nil {
		return ""
	}
	return u.Query().Get("redirect_uri")
}

// stepTo says which step of the way to a server failed. What was asked there can be asked again, unlike a call.
func stepTo(host string, err error) (cause.ID, []string) {
	id, fill := cause.OfNetwork(host, err)
	switch id {
	case cause.Timeout:
		id = cause.TokenTimeout
	case cause.Unreachable:
		id = cause.Network
	}
	return id, append(fill, "server", host)
}

// RequestError says why a call with a token failed: UserInfo or a look-up.
type RequestError struct {
	Operation  string // such as "user info"
	Host       string
	HTTPStatus int           // 0: no answer
	Code       string        // "errorCode" or "error" of the answer, cleaned
	Message    string        // "message" or "error_description", or what came instead of an answer; cleaned and cut
	RetryAfter time.Duration // how long the cache will not ask again; 0 = it will at once
	err        error
}

func (e *RequestError) Error() string {
	return sentence(e.HTTPStatus, e.Operation+" from "+e.Host, e.Code, e.Message)
}

// Unwrap gives the cause if there was no answer.
func (e *RequestError) Unwrap() error { return e.err }

func (e *RequestError) kind() Kind {
	switch {
	case e.HTTPStatus == 0:
		return Network
	case e.HTTPStatus < 400:
		return BadAnswer
	}
	return classify(e.HTTPStatus, "any", "")
}

// Row tells what the operator does.
func (e *RequestError) Row() (cause.ID, []string) {
	if e.HTTPStatus == 0 {
		return stepTo(e.Host, e.err)
	}
	fill := []string{"server", e.Host, "host", e.Host, "detail", e.Message}
	if e.Label() == "unauthorized" {
		return cause.TokenUnavailable, fill
	}
	return e.kind().cause(), fill
}

// Temporary reports whether the error may pass without anybody's help.
func (e *RequestError) Temporary() bool { return e.kind().Temporary() }

// Label is a bounded label for metrics.
func (e *RequestError) Label() string {
	if e.HTTPStatus == http.StatusUnauthorized || e.HTTPStatus == http.StatusForbidden {
		return "unauthorized"
	}
	return e.kind().String()
}

// LookupError says that a look-up was carried out and gave no single answer.
type LookupError struct {
	What       string   // "user" or "account"
	Name       string   // what was looked for
	Candidates []string // GUIDs, when there is more than one; else nothing was found
}

func (e *LookupError) Error() string {
	if len(e.Candidates) > 0 {
		return fmt.Sprintf("%s %s is ambiguous: %s; name the right one in the configuration",
			e.What, e.Name, strings.Join(e.Candidates, ", "))
	}
	return fmt.Sprintf("%s %s was not found", e.What, e.Name)
}

// Temporary is false: only a person, or a change at DocuSign, helps.
func (e *LookupError) Temporary() bool { return false }

// withRetryAfter is a copy of err that tells its caller when asking again makes sense.
func withRetryAfter(err error, d time.Duration) error {
	switch e := err.(type) {
	case *GrantError:
		c := *e
		c.RetryAfter = d
		return &c
	case *RequestError:
		c := *e
		c.RetryAfter = d
		return &c
	}
	return err
}

// temporary is true for errors that do not know.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return !errors.As(err, &t) || t.Temporary()
}

// askedToWait is the pause an error asks for itself, 0 = none.
func askedToWait(err error) time.Duration {
	if g, ok := errors.AsType[*GrantError](err); ok {
		return g.RetryAfter
	}
	if r, ok := errors.AsType[*RequestError](err); ok {
		return r.RetryAfter
	}
	return 0
}

func orNone(s string) string { return cmp.Or(s, "(none)") }

// clean makes a stranger's text fit for a log line: one line, printable, at most limit bytes, nothing that looks like
// a token.
func clean(s string, limit int) string {
	s = strings.ToValidUTF8(s[:min(len(s), 16*limit)], "")
	words := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	for i, w := range words {
		if strings.Contains(w, "eyJ") || len(w) > 100 { // a JWT, or too long for a word, a host name or a GUID
			words[i] = "[...]"
		}
	}
	s = strings.Join(words, " ")
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}

// retryAfter reads a Retry-After header, seconds or a date (RFC 9110 §10.2.3); now is the server's clock.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAsked)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxAsked)
}
