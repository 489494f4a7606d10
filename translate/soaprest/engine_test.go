package soaprest

import (
	"errors"
	"testing"

	"docusign-auth-proxy/internal/integration"
)

func TestPingNeedsNoREST(t *testing.T) {
	e, _ := newEngine()
	got := serve(t.Context(), e, &script{t: t}, "Ping", "")
	if got.status != 200 || !got.has("<PingResult>true</PingResult>") || got.notes.Class != Whole {
		t.Errorf("got %+v", got)
	}
}

func TestAnAnswerRelatesToItsRequest(t *testing.T) { // SOAP-REST.md §2.0
	e, _ := newEngine()
	c := newCall(&script{t: t}, "Ping", "")
	c.Integration.SOAPREST.AnswerHeader, c.MessageID = integration.HeaderRecorded, "urn:uuid:7"
	if got := serveCall(t.Context(), e, c); !got.has("<wsa:RelatesTo>urn:uuid:7</wsa:RelatesTo>") {
		t.Errorf("got %s", got.text)
	}
}

func TestWhatIsNotCarriedOutIsAFaultThatNamesIt(t *testing.T) { // SOAP-REST.md §5.2
	e, _ := newEngine()
	c := newCall(&script{t: t}, "TransferEnvelope", "")
	c.Message = failing{} // it is not even read
	a, err := e.Serve(t.Context(), c)
	if err != nil || a.Status != 500 {
		t.Fatal(a, err)
	}
	if n := c.Notes; n.Class != Impossible || n.Fault != "Unspecified_Error" || !n.FaultClient ||
		n.FaultReason != "TransferEnvelope: cannot be carried out over REST (proxy). Nothing was sent." {
		t.Errorf("the notes are %+v", n)
	}
}

func TestTroubleOfTheCallersBodyIsNoFault(t *testing.T) {
	e, _ := newEngine()
	c := newCall(&script{t: t}, "Ping", "")
	c.Message = failing{}
	if a, err := e.Serve(t.Context(), c); !errors.Is(err, errBroken) {
		t.Errorf("got %v, %v", a, err)
	}
}

var errBroken = errors.New("the caller is gone")

// failing is a message that breaks off.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }
