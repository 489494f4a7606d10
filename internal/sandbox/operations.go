package sandbox

import (
	"cmp"
	"encoding/base64"
	"io"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/envelope"
)

// operation carries out one SOAP operation: its steps find what the request names and do the work, the template
// answer has the content of the Result element.
type operation struct {
	answer string
	steps  []func(*soapRequest) *apiError
}

// operations are those that the sandbox carries out, by name (PROTOCOL.md §4.5 to §4.7).
func operations() map[string]operation {
	type steps = []func(*soapRequest) *apiError
	account, envelope := (*soapRequest).findAccountNamed, (*soapRequest).findEnvelope
	return map[string]operation{
		"CreateAndSendEnvelope":            {"EnvelopeStatus", steps{account, soapCreate}},
		"CreateEnvelope":                   {"EnvelopeStatus", steps{account, soapCreate}},
		"GetAccountMembershipFeaturesList": {"Features", steps{account}},
		"GetAuthenticationToken":           {"View", steps{account}},
		"GetEncryptedPassword":             {"Password", nil},
		"GetMembershipSummary":             {"Memberships", nil},
		"Login":                            {"Login", nil},
		"Ping":                             {"Ping", nil},
		"RequestCorrectToken":              {"View", steps{envelope}},
		"RequestPDF":                       {"PDF", steps{envelope}},
		"RequestRecipientToken":            {"View", steps{envelope}},
		"RequestSenderToken":               {"View", steps{envelope}},
		"RequestStatus":                    {"EnvelopeStatus", steps{envelope}},
		"RequestStatusEx":                  {"EnvelopeStatus", steps{envelope}},
		"SendEnvelope":                     {"EnvelopeStatus", steps{envelope, alter("sent")}},
		"VoidEnvelope":                     {"Void", steps{envelope, alter("voided")}},
	}
}

// findAccountNamed finds the account an operation names and checks membership; without a name it is the caller's
// default. SOAP serves every account at every site (PROTOCOL.md §4.1).
func (c *soapRequest) findAccountNamed() *apiError {
	return c.enter(cmp.Or(c.msg.Field("AccountId"), c.msg.Field("AccountID"), c.User.Default))
}

func (c *soapRequest) enter(id string) *apiError {
	account, exists := c.findAccount(id)
	return c.join(account, exists, refusal("ACCOUNT_DOES_NOT_EXIST_IN_SYSTEM"))
}

// findEnvelope finds the envelope an operation names among those of the caller's accounts.
func (c *soapRequest) findEnvelope() *apiError {
	id := cmp.Or(c.msg.Field("EnvelopeID"), c.msg.Field("EnvelopeId"))
	e, known := c.envelopes.get(strings.ToLower(id))
	if !known || !isMember(c.User, Account{ID: e.AccountID}) {
		return refusal("ENVELOPE_DOES_NOT_EXIST")
	}
	c.Envelope = e
	return c.enter(e.AccountID)
}

func soapCreate(c *soapRequest) *apiError {
	d := object{"status": "created", "emailSubject": c.msg.Field("Subject")}
	if c.msg.Operation == "CreateAndSendEnvelope" {
		d["status"] = "sent"
	}
	e := c.msg.Body.Child("Envelope")
	documents, recipients := []any{}, object{}
	for _, in := range e.Child("Documents").Items() {
		content, err := c.msg.Content(in.Child("PDFBytes"))
		if err != nil {
			return &apiError{code: "Server was unable to read request.", message: "PDFBytes: " + err.Error()}
		}
		documents = append(documents, object{
			"documentId": in.Value("ID"), "name": in.Value("Name"), "documentBase64": content,
		})
	}
	for _, in := range e.Child("Recipients").Items() {
		kind := recipientType(in.Value("Type"))
		list, _ := recipients[kind].([]any)
		recipients[kind] = append(list, object{
			"recipientId": in.Value("ID"), "name": in.Value("UserName"), "email": in.Value("Email"),
		})
	}
	d["documents"], d["recipients"] = documents, recipients
	return c.create(d, envelope.Making{})
}

// PDF is the envelope's in base64.
func (c *soapRequest) PDF() (string, error) {
	raw, err := io.ReadAll(c.Envelope.PDF("combined", envelope.Options("combined", false, true, false), c.Envelope.PDFSize("combined")))
	return base64.StdEncoding.EncodeToString(raw), err
}

func recipientType(name string) string {
	switch name {
	case "CarbonCopy":
		return "carbonCopies"
	case "CertifiedDelivery":
		return "certifiedDeliveries"
	}
	return strings.ToLower(name[:1]) + name[1:] + "s"
}

// alter sends or voids the envelope; every refusal to void has one name here.
func alter(status string) func(*soapRequest) *apiError {
	return func(c *soapRequest) (refused *apiError) {
		if status == "sent" {
			return c.send()
		}
		if refused = c.void(c.msg.Field("Reason")); refused != nil {
			refused.code = "ENVELOPE_CANNOT_VOID_INVALID_STATE"
		}
		return refused
	}
}

func (c *soapRequest) AsksBaseURL() bool {
	asked := c.msg.Field("ReturnBaseUrl")
	return asked == "true" || asked == "1"
}

func (c *soapRequest) Sender() User {
	sender, _ := c.findUser(c.Envelope.SenderID)
	return sender
}

func (c *soapRequest) Now() time.Time { return c.now() }

// signerType is SOAP's word for an array of REST.
func signerType(kind string) string {
	switch kind {
	case "carbonCopies":
		return "CarbonCopy"
	case "certifiedDeliveries":
		return "CertifiedDelivery"
	}
	return title(strings.TrimSuffix(kind, "s"))
}

// documentID is the document's own where it is a number, as the WSDL wants it.
func documentID(i int, id string) string {
	if n, err := strconv.Atoi(id); err != nil || n < 1 {
		return strconv.Itoa(i + 1)
	}
	return id
}

func title(status string) string {
	if status == "" {
		return "Any"
	}
	return strings.ToUpper(status[:1]) + status[1:]
}
