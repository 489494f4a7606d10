package sandbox

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"
)

// operation carries out one SOAP operation: named finds what the request names, result yields the content of the
// Result element.
type operation struct {
	named  func(*soapCall) *apiError
	result func(*soapCall) (any, *apiError)
}

// operations are those that the sandbox carries out, by name (PROTOCOL.md §4.5 to §4.7).
func operations() map[string]operation {
	nothing := func(*soapCall) *apiError { return nil }
	account, envelope := (*soapCall).findAccountNamed, (*soapCall).findEnvelope
	return map[string]operation{
		"CreateAndSendEnvelope":            {account, soapCreate},
		"CreateEnvelope":                   {account, soapCreate},
		"GetAccountMembershipFeaturesList": {account, soapFeatures},
		"GetAuthenticationToken":           {account, soapView},
		"GetEncryptedPassword":             {nothing, soapPassword},
		"GetMembershipSummary":             {nothing, soapMemberships},
		"Login":                            {nothing, soapLogin},
		"Ping":                             {nothing, soapPing},
		"RequestCorrectToken":              {envelope, soapView},
		"RequestPDF":                       {envelope, soapPDF},
		"RequestRecipientToken":            {envelope, soapView},
		"RequestSenderToken":               {envelope, soapView},
		"RequestStatus":                    {envelope, soapStatus},
		"RequestStatusEx":                  {envelope, soapStatus},
		"SendEnvelope":                     {envelope, soapSend},
		"VoidEnvelope":                     {envelope, soapVoid},
	}
}

// findAccountNamed finds the account an operation names and checks membership; without a name it is the caller's
// default. SOAP serves every account at every site (PROTOCOL.md §4.1).
func (c *soapCall) findAccountNamed() *apiError {
	return c.enter(cmp.Or(c.msg.Field("AccountId"), c.msg.Field("AccountID"), c.user.Default))
}

func (c *soapCall) enter(id string) *apiError {
	account, known := c.findAccount(id)
	switch {
	case !known:
		return refusal("ACCOUNT_DOES_NOT_EXIST_IN_SYSTEM")
	case !isMember(c.user, account):
		return refusal("USER_LACKS_MEMBERSHIP")
	}
	c.account = account
	return nil
}

// findEnvelope finds the envelope an operation names among those of the caller's accounts.
func (c *soapCall) findEnvelope() *apiError {
	id := cmp.Or(c.msg.Field("EnvelopeID"), c.msg.Field("EnvelopeId"))
	e, known := c.envelopes.get(strings.ToLower(id))
	if !known || !isMember(c.user, Account{ID: e.AccountID}) {
		return refusal("ENVELOPE_DOES_NOT_EXIST")
	}
	c.envelope = e
	return c.enter(e.AccountID)
}

func soapPing(*soapCall) (any, *apiError) { return true, nil }

func soapLogin(c *soapCall) (any, *apiError) {
	asked := c.msg.Field("ReturnBaseUrl")
	var accounts []any
	for _, a := range c.memberships(c.user) {
		entry := object{
			{"AccountID", a.ID}, {"AccountName", a.Name}, {"UserID", c.user.ID}, {"UserName", c.user.Name},
			{"Email", c.user.Email},
		}
		if asked == "true" || asked == "1" {
			entry = append(entry, member{"BaseUrl", c.origin(a.Site) + "/api/3.0"})
		}
		accounts = append(accounts, entry)
	}
	return object{{"Success", true}, {"ErrorCode", "Success"}, {"Accounts", list{"Account", accounts}}}, nil
}

func soapCreate(c *soapCall) (any, *apiError) {
	e := Envelope{
		AccountID: c.account.ID, SenderID: c.user.ID, Key: c.key, Status: "created", Subject: c.msg.Field("Subject"),
		Documents: c.msg.Documents, Recipients: c.msg.Recipients,
	}
	if c.msg.Operation == "CreateAndSendEnvelope" {
		e.Status = "sent"
	}
	c.envelope = c.create(e)
	return soapStatus(c)
}

func soapSend(c *soapCall) (any, *apiError) {
	changed, refused := c.changeEnvelope(c.envelope.ID, "sent", "")
	if refused != nil {
		return nil, &apiError{code: "Envelope_Invalid_Status", message: refused.message}
	}
	c.envelope = changed
	return soapStatus(c)
}

// soapStatus is the type EnvelopeStatus, in the order of the WSDL.
func soapStatus(c *soapCall) (any, *apiError) {
	e := c.envelope
	sender, _ := c.findUser(e.SenderID)
	created, changed := stamp(e.Created), stamp(e.Changed)
	status := object{
		{"RecipientStatuses", recipientStatuses(e)}, {"TimeGenerated", stamp(c.now())}, {"EnvelopeID", e.ID},
		{"Subject", e.Subject}, {"UserName", sender.Name}, {"Email", sender.Email}, {"Status", title(e.Status)},
		{"Created", created},
	}
	if e.Status != "created" {
		status = append(status, member{"Sent", changed})
	}
	return append(status, object{
		{"ACStatus", "Original"}, {"ACStatusDate", changed}, {"ACHolder", sender.Name}, {"ACHolderEmail", sender.Email},
		{"ACHolderLocation", "DocuSign"}, {"SigningLocation", "Online"}, {"AutoNavigation", true},
		{"EnvelopeIdStamping", true}, {"DocumentStatuses", documentStatuses(e)},
	}...), nil
}

func recipientStatuses(e Envelope) list {
	statuses := list{item: "RecipientStatus"}
	for _, r := range e.Recipients {
		status := title(e.Status)
		if status == "Voided" {
			status = "Sent"
		}
		statuses.of = append(statuses.of, object{
			{"Type", recipientType(r.Type)}, {"Email", r.Email}, {"UserName", r.Name}, {"RoutingOrder", "1"},
			{"DeclineReason", nil}, {"Status", status},
		})
	}
	return statuses
}

// recipientType keeps SOAP's own types; recipients made over REST are signers here.
func recipientType(name string) string {
	switch name {
	case "Agent", "Editor", "CarbonCopy", "CertifiedDelivery", "InPersonSigner":
		return name
	}
	return "Signer"
}

func documentStatuses(e Envelope) list {
	statuses := list{item: "DocumentStatus"}
	for i, d := range e.Documents {
		id, sequence := d.ID, strconv.Itoa(i+1)
		if n, err := strconv.Atoi(id); err != nil || n < 1 {
			id = sequence
		}
		statuses.of = append(statuses.of, object{{"ID", id}, {"Name", d.Name}, {"Sequence", sequence}})
	}
	return statuses
}

func title(status string) string {
	if status == "" {
		return "Any"
	}
	return strings.ToUpper(status[:1]) + status[1:]
}

func soapPDF(c *soapCall) (any, *apiError) {
	pdf := base64.StdEncoding.EncodeToString(samplePDF)
	return object{{"EnvelopeID", c.envelope.ID}, {"PDFBytes", pdf}}, nil
}

func soapVoid(c *soapCall) (any, *apiError) {
	if _, refused := c.changeEnvelope(c.envelope.ID, "voided", c.msg.Field("Reason")); refused != nil {
		return nil, &apiError{code: "Envelope_Cannot_Void_Invalid_State", message: refused.message}
	}
	return object{{"VoidSuccess", true}}, nil
}

func soapView(c *soapCall) (any, *apiError) { return c.viewURL(c.account.Site), nil }

func soapFeatures(c *soapCall) (any, *apiError) {
	return object{
		{"Email", c.user.Email}, {"UserName", c.user.Name},
		{"EnabledFeaturesSet", list{"EnabledFeatures", []any{"CanSendEnvelope", "CanManageTemplates"}}},
	}, nil
}

func soapPassword(c *soapCall) (any, *apiError) {
	return object{{"EncryptedPassword", "bm90LWEtcmVhbC1wYXNzd29yZC0h"}, {"Success", true}}, nil
}

func soapMemberships(c *soapCall) (any, *apiError) {
	var summaries []any
	for _, a := range c.memberships(c.user) {
		summaries = append(summaries, object{
			{"AccountName", a.Name}, {"AccountId", a.ID}, {"UserName", c.user.Name}, {"UserId", c.user.ID},
			{"UserType", "CompanyUser"}, {"UserStatus", "Active"},
		})
	}
	return object{{"MembershipSummaries", list{"MembershipSummary", summaries}}, {"Success", true}}, nil
}
