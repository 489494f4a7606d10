package reply

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
)

// Lengths of recorded bodies (PROTOCOL.md §8.1 for two; 116 is the Content-Length of a 401 in public logs).
func TestErrorBytesHaveTheRecordedLengths(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind call.Kind
		want int
	}{
		{"wrong password", call.KindBadLogin, 116},
		{"lacking permissions", call.KindNotAllowed, 126},
		{"no integrator key", call.KindNoCredential, 165},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if b := (Caller{}).Refuse(Failure{Kind: tc.kind}).Body; len(b) != tc.want {
				t.Errorf("%d bytes: %q", len(b), b)
			}
		})
	}
}

func TestEveryKindIsAnsweredInEveryDialect(t *testing.T) {
	for k := range call.Kinds {
		for d := JSON; d <= OAuthXML; d++ {
			a := Caller{Dialect: d}.Refuse(Failure{Kind: k})
			wellFormed(t, a)
			switch {
			case k == call.KindNotFound || k == call.KindNoPath:
				if a.Status != 404 || len(a.Body) != 0 || a.Header.Get("Content-Type") != "" {
					t.Errorf("%s in %v: %d %q", k, d, a.Status, a.Body)
				}
			case d.IsSOAP():
				if a.Status != 500 || ErrorCode(a.Body) != row(k).code {
					t.Errorf("%s in %v: %d, code %s", k, d, a.Status, ErrorCode(a.Body))
				}
			case d == JSON || d == XML:
				if a.Status != row(k).status || ErrorCode(a.Body) != row(k).code {
					t.Errorf("%s in %v: %d, code %s", k, d, a.Status, ErrorCode(a.Body))
				}
			default:
				if a.Status == 401 || a.Status < 400 || row(k).grant == "" {
					t.Errorf("%s in %v: %d %q", k, d, a.Status, a.Body)
				}
			}
			if (a.Status == 503 || d.IsSOAP() && row(k).status == 503) != (a.Header.Get("Retry-After") != "") {
				t.Errorf("%s in %v: Retry-After %q", k, d, a.Header.Get("Retry-After"))
			}
		}
	}
}

func TestKindsThatMustLookAlike(t *testing.T) {
	want := string(Caller{}.Refuse(Failure{Kind: call.KindBadLogin}).Body)
	for _, k := range []call.Kind{call.KindThrottled, call.KindTokenRefused} {
		if got := string(Caller{}.Refuse(Failure{Kind: k}).Body); got != want {
			t.Errorf("%s gives itself away: %s", k, got)
		}
	}
}

func TestFailureHeaders(t *testing.T) {
	for _, tc := range []struct {
		name             string
		f                Failure
		id               string
		cause, retry, wi string
	}{
		{"plain refusals carry none", Failure{Kind: call.KindBadLogin}, "", "", "", ""},
		{
			"a short cause and id are shown", Failure{Kind: call.KindTokenRefused, Cause: "consent_required"}, "a1-b2",
			"consent_required", "", "a1-b2",
		},
		{"a cause is cut at the first odd byte", Failure{Cause: "bad\r\nSet-Cookie: x"}, "a b", "bad", "", "a"},
		{"a cause is cut at 64 bytes", Failure{Cause: strings.Repeat("x", 99)}, "", strings.Repeat("x", 64), "", ""},
		{"waiting is rounded up", Failure{Kind: call.KindThrottled, RetryAfter: time.Millisecond}, "", "", "1", ""},
		{
			"waiting is at most an hour", Failure{Kind: call.KindTokenUnavailable, RetryAfter: 48 * time.Hour}, "", "", "3600",
			"",
		},
		{"a failing token server asks to wait", Failure{Kind: call.KindTokenUnavailable}, "", "", "10", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := Caller{RequestID: tc.id}.Refuse(tc.f).Header
			if h.Get(CauseHeader) != tc.cause || h.Get("Retry-After") != tc.retry || h.Get(RequestIDHeader) != tc.wi {
				t.Errorf("%v", h)
			}
		})
	}
}

func TestDetailIsBoundedAndEscaped(t *testing.T) {
	detail := strings.Repeat("é", 400)
	var got struct{ ErrorCode, Message string }
	if err := json.Unmarshal(Caller{}.Refuse(Failure{Kind: call.KindBadLogin, Detail: detail}).Body, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Message) > len(badLogin)+1+maxDetail || strings.ContainsRune(got.Message, '\ufffd') {
		t.Errorf("%d bytes: %s", len(got.Message), got.Message)
	}
}

func FuzzJSONString(f *testing.F) {
	f.Add("a\"b\\c\r\n\t\b\f\x00\x7f\u0085\u2028é\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		b := jsonText(s)
		if err := json.Unmarshal([]byte(b), &got); err != nil || got != string([]rune(s)) {
			t.Errorf("%q -> %s -> %q, %v", s, b, got, err)
		}
	})
}

func TestDialects(t *testing.T) {
	for _, tc := range []struct {
		name   string
		accept []string
		want   Dialect
	}{
		{"no Accept is JSON", nil, JSON},
		{"an empty Accept is JSON", []string{""}, JSON},
		{"everything is JSON", []string{"*/*"}, JSON},
		{
			"old Java asks for everything in its own way", []string{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"},
			JSON,
		},
		{"something unknown is JSON", []string{"application/pdf"}, JSON},
		{"application/json", []string{"application/json"}, JSON},
		{"the bare word json of the Ruby gem", []string{"json"}, JSON},
		{"the bare word xml", []string{"xml"}, XML},
		{"application/xml", []string{"application/xml"}, XML},
		{"text/xml with a charset, in capitals", []string{"Text/XML; charset=utf-8"}, XML},
		{"the first of equals wins", []string{"application/json, application/xml"}, JSON},
		{"the first of equals wins, the other way", []string{"application/xml, application/json"}, XML},
		{"the first of equals wins over several lines", []string{"text/html", "application/xml", "application/json"}, XML},
		{"quality decides", []string{"application/xml;q=0.5, application/json;q=0.9"}, JSON},
		{"quality decides, the other way", []string{"application/json;q=0.5, application/xml; q = 0.9"}, XML},
		{"a named type beats a wildcard of the same quality", []string{"*/*, application/xml"}, XML},
		{"a wildcard of higher quality means JSON", []string{"application/xml;q=0.5, */*;q=0.8"}, JSON},
		{"a browser prefers XML", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, XML},
		{"JSON refused leaves XML", []string{"application/json;q=0, */*"}, XML},
		{"XML refused leaves JSON", []string{"application/xml;q=0"}, JSON},
		{"an unreadable quality counts as 1", []string{"application/xml;q=high, application/json;q=0.9"}, XML},
		{"a quality of NaN counts as 1", []string{"application/xml;q=NaN"}, XML},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := http.Header{"Accept": tc.accept}
			if got := ForREST(h); got != tc.want {
				t.Errorf("got %v", got)
			}
			if got := ForOAuth(h); got != tc.want+OAuthJSON {
				t.Errorf("OAuth: got %v", got)
			}
		})
	}
	soap12 := http.Header{"Content-Type": {
		`multipart/related; type="application/xop+xml"; start-info="Application/SOAP+XML"`,
	}}
	if ForSOAP(soap12) != SOAP12 || ForSOAP(http.Header{}) != SOAP11 {
		t.Error("SOAP content type")
	}
}

// The table of causes tells operators what the old program shows, and they search the documents by it.
func TestTheTableOfCausesSaysWhatAProgramSees(t *testing.T) {
	for k := range call.Kinds {
		sights := strings.Split(k.Cause().Of().Sees, "; ")
		if k == call.KindNotOverREST || k == call.KindUnreadableMessage {
			continue // only SOAP calls are refused for it
		}
		a := Caller{}.Refuse(Failure{Kind: k})
		i := slices.IndexFunc(sights, func(s string) bool { return strings.Contains(s, strconv.Itoa(a.Status)) })
		if i < 0 {
			t.Errorf("%s (%d) is answered with %d, and the table says %q", k, k, a.Status, sights)
			continue
		}
		code := regexp.MustCompile(`[A-Z]+_[A-Z_]+`).FindString(sights[i])
		if !strings.Contains(string(a.Body), code) {
			t.Errorf("%s: the table says %q, the answer %s", k, sights[i], a.Body)
		}
		if strings.Contains(sights[i], "Retry-After") != (a.Header.Get("Retry-After") != "") {
			t.Errorf("%s: the table says %q, Retry-After is %q", k, sights[i], a.Header.Get("Retry-After"))
		}
	}
}
