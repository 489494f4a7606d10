package servicestest_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/services/servicestest"
)

func TestMessagesAreHeldAgainstTheFacts(t *testing.T) {
	for _, tc := range []struct{ name, service, body, want string }{
		{
			"an operation", "credential",
			`<Login xmlns="*"><Email>a</Email><ReturnBaseUrl>1</ReturnBaseUrl></Login>`, "",
		},
		{
			"its answer", "credential",
			`<LoginResponse xmlns="*"><LoginResult><Success>true</Success><Accounts/></LoginResult></LoginResponse>`, "",
		},
		{"no operation", "credential", `<Logout xmlns="*"/>`, "no operation"},
		{"another namespace", "credential", `<Ping xmlns="urn:x"/>`, "namespace"},
		{
			"an element that is missing", "credential",
			`<Login xmlns="*"><Email>a</Email></Login>`, "ReturnBaseUrl is missing",
		},
		{
			"elements in another order", "credential",
			`<Login xmlns="*"><ReturnBaseUrl>1</ReturnBaseUrl><Email>a</Email></Login>`, "Email is out of place",
		},
		{"an element twice", "credential", `<Login xmlns="*"><Email>a</Email><Email>a</Email></Login>`, "missing"},
		{
			"a text that is none", "credential",
			`<Login xmlns="*"><ReturnBaseUrl>yes</ReturnBaseUrl></Login>`, `"yes" is no boolean`,
		},
		{
			"a word that is none", "credential",
			`<LoginResponse xmlns="*"><LoginResult><Success>true</Success><ErrorCode>Other</ErrorCode>` +
				`</LoginResult></LoginResponse>`, `"Other"`,
		},
		{"elements in a text", "credential", `<Login xmlns="*"><Email><b/></Email></Login>`, "Email has elements"},
		{"an attribute", "credential", `<Ping xmlns="*" a="b"/>`, "attribute a"},
		{
			"a nil that must not be", "credential",
			`<Login xmlns="*"><Email xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/></Login>`,
			"must not be nil",
		},
		{
			"a qualified attribute", "dsapi",
			`<RequestStatusesEx xmlns="*"><EnvelopeStatusFilter>` +
				`<BeginDateTime xmlns:a="*" a:statusQualifier="x">2026-11-22T10:00:00</BeginDateTime>` +
				`</EnvelopeStatusFilter></RequestStatusesEx>`, "StartAtIndex is missing",
		},
		{
			"elements of any name", "dsapi",
			`<EnvelopeAuditEventsResponse xmlns="*"><EnvelopeAuditEventsResult>a<b xmlns=""/>` +
				`</EnvelopeAuditEventsResult></EnvelopeAuditEventsResponse>`, "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := services.ByPath("/api/3.0/" + tc.service + ".asmx")
			envelope := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>` +
				strings.ReplaceAll(tc.body, `"*"`, `"`+s.Namespace+`"`) + `</e:Body></e:Envelope>`
			err := servicestest.Check(s, envelope)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
