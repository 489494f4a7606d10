package soap

import (
	"maps"
	"net/url"
	"strconv"
	"strings"
)

// View is an operation of credential.asmx that asks for a one-time URL (PROTOCOL.md §4.7).
type View struct {
	Account  string // as the program names it; "" = the account that has the envelope
	Envelope string
	Path     string // below the account
	Fields   map[string]string
}

// View reads what an operation asks.
func (c *CredentialBody) View(operation string) View {
	v := View{
		Account:  strings.TrimSpace(c.Text("AccountID")),
		Envelope: strings.TrimSpace(c.Text("EnvelopeID")),
		Path:     "/views/console",
	}
	switch operation {
	case "GetAuthenticationToken":
		v.Envelope = strings.TrimSpace(c.Text("GoToEnvelopeID"))
		v.Fields = map[string]string{"envelopeId": v.Envelope}
	case "RequestSenderToken":
		if v.Envelope != "" {
			v.Path = "/envelopes/" + url.PathEscape(v.Envelope) + "/views/sender"
		}
		v.Fields = map[string]string{"returnUrl": c.Text("ReturnURL")}
	default:
		v.Account = "" // the operation has none
		v.Path = "/envelopes/" + url.PathEscape(v.Envelope) + "/views/correct"
		v.Fields = map[string]string{
			"returnUrl": c.Text("ReturnURL"), "suppressNavigation": strconv.FormatBool(c.True("SuppressNavigation")),
		}
	}
	maps.DeleteFunc(v.Fields, func(_, value string) bool { return value == "" })
	return v
}
