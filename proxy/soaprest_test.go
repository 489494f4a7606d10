package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/translate/soaprest"
	"docusign-auth-proxy/translate/soaprest/answer"
)

// TestAnswersThatAreMadeWhileTheyAreSent end as they are, or look cut off (SOAP-REST.md §6.4).
func TestAnswersThatAreMadeWhileTheyAreSent(t *testing.T) {
	broken := errors.New("DocuSign's stream broke")
	for _, tt := range []struct {
		name    string
		http10  bool
		length  int64
		fails   error
		aborts  bool
		refused bool
		want    string // Content-Length
	}{
		{name: "with a length", length: 5, want: "5"},
		{name: "with a length, for HTTP/1.0", http10: true, length: 5, want: "5"},
		{name: "without one", length: -1},
		{name: "without one, for HTTP/1.0, which could not see a break", http10: true, length: -1, refused: true},
		{name: "that breaks off", length: 9, fails: broken, aborts: true, want: "9"},
		{name: "that breaks off without a length", length: -1, fails: broken, aborts: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sent, closed := httptest.NewRecorder(), 0
			x := &exchange{w: conn.Writer{ResponseWriter: sent, HTTP10: tt.http10}}
			x.rest = &restCall{notes: &soaprest.Notes{}, user: &apiUser{}}
			x.event.RequestID = "0badcafe-1"
			a := &answer.Answer{
				Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Length: tt.length,
				Write: func(w io.Writer) error {
					_, err := io.WriteString(w, "<a/> ")
					return errors.Join(err, tt.fails)
				},
				Close: func() { closed++ },
			}
			var err error
			aborted := func() (p any) {
				defer func() { p = recover() }()
				err = x.write(a)
				return nil
			}()
			if (aborted == http.ErrAbortHandler) != tt.aborts || aborted != nil && !tt.aborts || (err != nil) != tt.refused {
				t.Errorf("aborted %v, error %v", aborted, err)
			}
			if closed != 1 {
				t.Errorf("closed %d times", closed)
			}
			if tt.refused {
				if x.w.Status != 0 {
					t.Error("something was sent")
				}
				return
			}
			h := sent.Header()
			if h.Get("Content-Length") != tt.want || h.Get("X-DocuSign-Auth-Proxy-Request-Id") != "0badcafe-1" {
				t.Errorf("the head is %v", h)
			}
			if tt.aborts && (x.event.Cause != "cut_off" || x.event.Outcome != call.OutcomeAborted) {
				t.Errorf("the event is %+v", x.event)
			}
		})
	}
}

// TestWhatIsRecordedOfAFaultOverREST tells the proxy's own refusals from DocuSign's.
func TestWhatIsRecordedOfAFaultOverREST(t *testing.T) {
	for _, tt := range []struct {
		name    string
		notes   soaprest.Notes
		outcome call.Outcome
		cause   string
	}{
		{"a call that went well", soaprest.Notes{RESTCalls: 1}, "", ""},
		{
			"what cannot be carried out", soaprest.Notes{Fault: "Unspecified_Error", FaultReason: "X", FaultClient: true},
			call.OutcomeRefused, "soap_refused",
		},
		{"trouble of the proxy's", soaprest.Notes{Fault: "Unspecified_Error"}, call.OutcomeUnreachable, "soap_failed"},
		{
			"a refusal of DocuSign's", soaprest.Notes{Fault: "Envelope_Does_Not_Exist", FaultClient: true, Status: 404},
			call.OutcomeClientError, "docusign_404",
		},
		{
			"trouble of DocuSign's", soaprest.Notes{Fault: "Unspecified_Error", Status: 503}, call.OutcomeServerError,
			"docusign_503",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e call.Event
			(&restCall{notes: &tt.notes, user: &apiUser{}}).describe(&e)
			if e.Outcome != tt.outcome || e.Cause != tt.cause || !e.OverREST || e.RESTCalls != tt.notes.RESTCalls {
				t.Errorf("%+v", e)
			}
		})
	}
}
