package sandbox

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/services"
)

// operation answers one SOAP operation with the content of its Result element.
type operation func(*soapCall) (any, *soapFault)

// operation finds what the sandbox does for the operation of the call; nil = it does not know it.
func (c *soapCall) operation() operation {
	if c.msg.operation == "Ping" {
		return func(*soapCall) (any, *soapFault) { return true, nil }
	}
	switch c.service.Reads {
	case services.Body:
		// PROTOCOL.md §4.7; the caller was authenticated from the body.
		return map[string]operation{
			"Login":                  (*soapCall).login,
			"GetAuthenticationToken": (*soapCall).consoleToken,
			"RequestSenderToken":     (*soapCall).envelopeToken,
			"RequestCorrectToken":    (*soapCall).envelopeToken,
		}[c.msg.operation]
	case services.Header:
		return map[string]operation{
			"GetEncryptedPassword": (*soapCall).encryptedPassword,
			"GetMembershipSummary": (*soapCall).membershipSummary,
		}[c.msg.operation]
	}
	return map[string]operation{
		"CreateAndSendEnvelope":            (*soapCall).createEnvelope,
		"CreateEnvelope":                   (*soapCall).createEnvelope,
		"SendEnvelope":                     (*soapCall).sendEnvelope,
		"RequestStatus":                    (*soapCall).requestStatus,
		"RequestStatusEx":                  (*soapCall).requestStatus,
		"RequestPDF":                       (*soapCall).requestPDF,
		"VoidEnvelope":                     (*soapCall).voidEnvelope,
		"GetAuthenticationToken":           (*soapCall).consoleToken,
		"RequestSenderToken":               (*soapCall).envelopeToken,
		"RequestCorrectToken":              (*soapCall).envelopeToken,
		"RequestRecipientToken":            (*soapCall).envelopeToken,
		"GetAccountMembershipFeaturesList": (*soapCall).membershipFeatures,
	}[c.msg.operation]
}

func (c *soapCall) login() (any, *soapFault) {
	withURL := c.msg.field("ReturnBaseUrl") == "true" || c.msg.field("ReturnBaseUrl") == "1"
	var accounts []any
	for _, a := range c.memberships(c.user) {
		entry := object{
			{"AccountID", a.ID}, {"AccountName", a.Name}, {"UserID", c.user.ID}, {"UserName", c.user.Name},
			{"Email", c.user.Email},
		}
		if withURL {
			entry = append(entry, member{"BaseUrl", c.origin(a.Site) + "/api/3.0"})
		}
		accounts = append(accounts, entry)
	}
	return object{{"Success", true}, {"ErrorCode", "Success"}, {"Accounts", list{"Account", accounts}}}, nil
}

// account finds the account an operation names and checks membership; without a name it is the caller's default.
// SOAP serves every account at every site (PROTOCOL.md §4.1).
func (c *soapCall) account(id string) (Account, *soapFault) {
	account, known := c.findAccount(cmp.Or(id, c.user.Default))
	switch {
	case !known:
		return account, fault("Account_Does_Not_Exist_In_System")
	case !isMember(c.user, account):
		return account, fault("User_Lacks_Membership")
	}
	return account, nil
}

// named finds the envelope an operation names among those of the caller's accounts.
func (c *soapCall) named() (Envelope, *soapFault) {
	id := cmp.Or(c.msg.field("EnvelopeID"), c.msg.field("EnvelopeId"))
	e, known := c.envelopes.get(strings.ToLower(id))
	if !known || !isMember(c.user, Account{ID: e.AccountID}) {
		return e, fault("Envelope_Does_Not_Exist")
	}
	return e, nil
}

func (c *soapCall) createEnvelope() (any, *soapFault) {
	account, denied := c.account(c.msg.field("AccountId"))
	if denied != nil {
		return nil, denied
	}
	d := c.msg.content
	d.status, d.subject = "created", c.msg.field("Subject")
	if c.msg.operation == "CreateAndSendEnvelope" {
		d.status = "sent"
	}
	return c.status(c.keepEnvelope(d, account, c.user, c.key)), nil
}

func (c *soapCall) sendEnvelope() (any, *soapFault) {
	e, denied := c.named()
	if denied != nil {
		return nil, denied
	}
	if refused := c.changeEnvelope(e.ID, "sent", ""); refused != nil {
		return nil, &soapFault{name: "Envelope_Invalid_Status", reason: refused.message}
	}
	return c.requestStatus()
}

func (c *soapCall) requestStatus() (any, *soapFault) {
	e, denied := c.named()
	return c.status(e), denied
}

// status is the type EnvelopeStatus, in the order of the WSDL.
func (c *soapCall) status(e Envelope) object {
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
	}...)
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

func (c *soapCall) requestPDF() (any, *soapFault) {
	e, denied := c.named()
	return object{{"EnvelopeID", e.ID}, {"PDFBytes", base64.StdEncoding.EncodeToString(samplePDF())}}, denied
}

func (c *soapCall) voidEnvelope() (any, *soapFault) {
	e, denied := c.named()
	if denied != nil {
		return nil, denied
	}
	if refused := c.changeEnvelope(e.ID, "voided", c.msg.field("Reason")); refused != nil {
		return nil, &soapFault{name: "Envelope_Cannot_Void_Invalid_State", reason: refused.message}
	}
	return object{{"VoidSuccess", true}}, nil
}

func (c *soapCall) consoleToken() (any, *soapFault) {
	account, denied := c.account(c.msg.field("AccountID"))
	return c.viewURL(account.Site), denied
}

func (c *soapCall) envelopeToken() (any, *soapFault) {
	e, denied := c.named()
	if denied != nil {
		return nil, denied
	}
	account, denied := c.account(e.AccountID)
	return c.viewURL(account.Site), denied
}

func (c *soapCall) membershipFeatures() (any, *soapFault) {
	_, denied := c.account(c.msg.field("AccountId"))
	return object{
		{"Email", c.user.Email}, {"UserName", c.user.Name},
		{"EnabledFeaturesSet", list{"EnabledFeatures", []any{"CanSendEnvelope", "CanManageTemplates"}}},
	}, denied
}

func (c *soapCall) encryptedPassword() (any, *soapFault) {
	return object{{"EncryptedPassword", "bm90LWEtcmVhbC1wYXNzd29yZC0h"}, {"Success", true}}, nil
}

func (c *soapCall) membershipSummary() (any, *soapFault) {
	var summaries []any
	for _, a := range c.memberships(c.user) {
		summaries = append(summaries, object{
			{"AccountName", a.Name}, {"AccountId", a.ID}, {"UserName", c.user.Name}, {"UserId", c.user.ID},
			{"UserType", "CompanyUser"}, {"UserStatus", "Active"},
		})
	}
	return object{{"MembershipSummaries", list{"MembershipSummary", summaries}}, {"Success", true}}, nil
}
