package sandbox

import (
	"cmp"
	"strconv"
	"strings"
	"time"
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
	status := "created"
	if c.msg.Operation == "CreateAndSendEnvelope" {
		status = "sent"
	}
	c.create(status, c.msg.Field("Subject"), c.msg.Documents, c.msg.Recipients)
	return nil
}

// alter sends or voids the envelope; every refusal to void has one name here.
func alter(status string) func(*soapRequest) *apiError {
	return func(c *soapRequest) (refused *apiError) {
		c.Envelope, refused = c.changeEnvelope(c.Envelope.ID, status, c.msg.Field("Reason"))
		if refused != nil && status == "voided" {
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

// signerType keeps SOAP's own types; recipients made over REST are signers here.
func signerType(name string) string {
	switch name {
	case "Agent", "Editor", "CarbonCopy", "CertifiedDelivery", "InPersonSigner":
		return name
	}
	return "Signer"
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
