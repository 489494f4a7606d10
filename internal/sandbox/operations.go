package sandbox

import (
	"encoding/base64"
	"strconv"
	"strings"
)

func ping(*soapCall) (sequence, *soapFault) { return sequence{{"PingResult", true}}, nil }

// credentialOperations are PROTOCOL.md §4.7; the caller was authenticated from the body.
func credentialOperations() map[string]operation {
	return map[string]operation{
		"Ping":                   ping,
		"Login":                  (*soapCall).login,
		"GetAuthenticationToken": (*soapCall).consoleToken,
		"RequestSenderToken":     (*soapCall).envelopeToken,
		"RequestCorrectToken":    (*soapCall).envelopeToken,
	}
}

// envelopeOperations are those of api.asmx and dsapi.asmx that the sandbox carries out.
func envelopeOperations() map[string]operation {
	return map[string]operation{
		"Ping":                             ping,
		"CreateAndSendEnvelope":            func(c *soapCall) (sequence, *soapFault) { return c.createEnvelope("sent") },
		"CreateEnvelope":                   func(c *soapCall) (sequence, *soapFault) { return c.createEnvelope("created") },
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
	}
}

// managementOperations are those of accountmanagement.asmx that the sandbox carries out.
func managementOperations() map[string]operation {
	return map[string]operation{
		"Ping":                 ping,
		"GetEncryptedPassword": (*soapCall).encryptedPassword,
		"GetMembershipSummary": (*soapCall).membershipSummary,
	}
}

func (c *soapCall) login() (sequence, *soapFault) {
	withURL := c.msg.fields["ReturnBaseUrl"] == "true" || c.msg.fields["ReturnBaseUrl"] == "1"
	c.s.mu.Lock()
	accounts := c.s.dir.memberships(c.user)
	c.s.mu.Unlock()
	var list []sequence
	for _, a := range accounts {
		entry := sequence{{"AccountID", a.ID}, {"AccountName", a.Name}, {"UserID", c.user.ID}, {"UserName", c.user.Name}, {"Email", c.user.Email}}
		if withURL {
			entry = append(entry, member{"BaseUrl", c.s.origin(a.Site) + "/api/3.0"})
		}
		list = append(list, entry)
	}
	return sequence{{"LoginResult", sequence{{"Success", true}, {"ErrorCode", "Success"}, {"Accounts", items{"Account", list}}}}}, nil
}

// loginFailure fits a fault into the codes that the WSDL allows.
func loginFailure(f *soapFault) sequence {
	code := f.name
	switch code {
	case "User_Authentication_Failed", "User_Lacks_Permissions", "Account_Lacks_Permissions":
	default:
		code = "Unspecified_Error"
	}
	return sequence{{"Success", false}, {"ErrorCode", code}, {"AuthenticationMessage", f.reason}}
}

// managementFailure fits a fault into the codes that the WSDL allows.
func managementFailure(f *soapFault) sequence {
	code := "Unspecified_Error"
	switch f.name {
	case "User_Authentication_Failed", "Authorization_Invalid_Token":
		code = "Invalid_Login"
	case "Partner_Authentication_Failed":
		code = f.name
	case "User_Lacks_Permissions":
		code = "Not_Authorized"
	}
	return sequence{{"Success", false}, {"Error", sequence{{"ErrorCode", code}, {"Description", f.reason}}}}
}

// account finds the account an operation names and checks membership; without a name it is the caller's default.
// SOAP serves every account at every site (PROTOCOL.md §4.1).
func (c *soapCall) account(id string) (Account, *soapFault) {
	if id == "" {
		id = c.user.Default
	}
	c.s.mu.Lock()
	account, known := c.s.dir.account(id)
	c.s.mu.Unlock()
	if !known {
		return account, fault("Account_Does_Not_Exist_In_System")
	}
	if !isMember(c.user, account) {
		return account, fault("User_Lacks_Membership")
	}
	return account, nil
}

// envelope finds the envelope an operation names among those of the caller's accounts.
func (c *soapCall) envelope() (Envelope, *soapFault) {
	id := c.msg.fields["EnvelopeID"] + c.msg.fields["EnvelopeId"]
	c.s.mu.Lock()
	e, known := c.s.envelopes.byID[strings.ToLower(id)]
	c.s.mu.Unlock()
	if !known || !isMember(c.user, Account{ID: e.AccountID}) {
		return e, fault("Envelope_Does_Not_Exist")
	}
	return e, nil
}

func (c *soapCall) createEnvelope(status string) (sequence, *soapFault) {
	account, denied := c.account(c.msg.fields["AccountId"])
	if denied != nil {
		return nil, denied
	}
	d := c.msg.content
	d.status, d.subject = status, c.msg.fields["Subject"]
	return c.status(c.s.keepEnvelope(d, account, c.user, c.key)), nil
}

func (c *soapCall) sendEnvelope() (sequence, *soapFault) {
	e, denied := c.envelope()
	if denied != nil {
		return nil, denied
	}
	if refused := c.s.changeEnvelope(e.ID, "sent", ""); refused.code != "" {
		return nil, (&soapFault{name: "Envelope_Invalid_Status"}).with(refused.message)
	}
	return c.requestStatus()
}

func (c *soapCall) requestStatus() (sequence, *soapFault) {
	e, denied := c.envelope()
	if denied != nil {
		return nil, denied
	}
	return c.status(e), nil
}

// status is the type EnvelopeStatus, in the order of the WSDL.
func (c *soapCall) status(e Envelope) sequence {
	c.s.mu.Lock()
	sender, _ := c.s.dir.user(e.SenderID)
	c.s.mu.Unlock()
	created, changed := stamp(e.Created), stamp(e.Changed)
	result := sequence{
		{"RecipientStatuses", items{"RecipientStatus", recipientStatuses(e)}}, {"TimeGenerated", stamp(c.s.now())}, {"EnvelopeID", e.ID},
		{"Subject", e.Subject}, {"UserName", sender.Name}, {"Email", sender.Email}, {"Status", title(e.Status)}, {"Created", created},
	}
	if e.Status != "created" {
		result = append(result, member{"Sent", changed})
	}
	result = append(result,
		member{"ACStatus", "Original"}, member{"ACStatusDate", changed}, member{"ACHolder", sender.Name}, member{"ACHolderEmail", sender.Email},
		member{"ACHolderLocation", "DocuSign"}, member{"SigningLocation", "Online"}, member{"AutoNavigation", true},
		member{"EnvelopeIdStamping", true}, member{"DocumentStatuses", items{"DocumentStatus", documentStatuses(e)}})
	return sequence{{c.msg.operation + "Result", result}}
}

func recipientStatuses(e Envelope) []sequence {
	var list []sequence
	for _, r := range e.Recipients {
		status := title(e.Status)
		if status == "Voided" {
			status = "Sent"
		}
		list = append(list, sequence{
			{"Type", recipientType(r.Type)}, {"Email", r.Email}, {"UserName", r.Name}, {"RoutingOrder", "1"}, {"DeclineReason", missing{}}, {"Status", status},
		})
	}
	return list
}

// recipientType keeps SOAP's own types; recipients made over REST are signers here.
func recipientType(name string) string {
	switch name {
	case "Agent", "Editor", "CarbonCopy", "CertifiedDelivery", "InPersonSigner":
		return name
	}
	return "Signer"
}

func documentStatuses(e Envelope) []sequence {
	var list []sequence
	for i, d := range e.Documents {
		if n, err := strconv.Atoi(d.ID); err != nil || n < 1 {
			d.ID = strconv.Itoa(i + 1)
		}
		list = append(list, sequence{{"ID", d.ID}, {"Name", d.Name}, {"Sequence", strconv.Itoa(i + 1)}})
	}
	return list
}

func title(status string) string {
	if status == "" {
		return "Any"
	}
	return strings.ToUpper(status[:1]) + status[1:]
}

func (c *soapCall) requestPDF() (sequence, *soapFault) {
	e, denied := c.envelope()
	if denied != nil {
		return nil, denied
	}
	pdf := base64.StdEncoding.EncodeToString(samplePDF())
	return sequence{{"RequestPDFResult", sequence{{"EnvelopeID", e.ID}, {"PDFBytes", pdf}}}}, nil
}

func (c *soapCall) voidEnvelope() (sequence, *soapFault) {
	e, denied := c.envelope()
	if denied != nil {
		return nil, denied
	}
	if refused := c.s.changeEnvelope(e.ID, "voided", c.msg.fields["Reason"]); refused.code != "" {
		return nil, (&soapFault{name: "Envelope_Cannot_Void_Invalid_State"}).with(refused.message)
	}
	return sequence{{"VoidEnvelopeResult", sequence{{"VoidSuccess", true}}}}, nil
}

func (c *soapCall) consoleToken() (sequence, *soapFault) {
	account, denied := c.account(c.msg.fields["AccountID"])
	if denied != nil {
		return nil, denied
	}
	return c.viewResult(account.Site), nil
}

func (c *soapCall) envelopeToken() (sequence, *soapFault) {
	e, denied := c.envelope()
	if denied != nil {
		return nil, denied
	}
	account, denied := c.account(e.AccountID)
	if denied != nil {
		return nil, denied
	}
	return c.viewResult(account.Site), nil
}

func (c *soapCall) viewResult(site string) sequence {
	return sequence{{c.msg.operation + "Result", c.s.viewURL(site)}}
}

func (c *soapCall) membershipFeatures() (sequence, *soapFault) {
	if _, denied := c.account(c.msg.fields["AccountId"]); denied != nil {
		return nil, denied
	}
	features := featureList{"CanSendEnvelope", "CanManageTemplates"}
	return sequence{{"GetAccountMembershipFeaturesListResult", sequence{
		{"Email", c.user.Email}, {"UserName", c.user.Name}, {"EnabledFeaturesSet", features},
	}}}, nil
}

func (c *soapCall) encryptedPassword() (sequence, *soapFault) {
	return sequence{{"GetEncryptedPasswordResult", sequence{{"EncryptedPassword", "bm90LWEtcmVhbC1wYXNzd29yZC0h"}, {"Success", true}}}}, nil
}

func (c *soapCall) membershipSummary() (sequence, *soapFault) {
	c.s.mu.Lock()
	accounts := c.s.dir.memberships(c.user)
	c.s.mu.Unlock()
	var list []sequence
	for _, a := range accounts {
		list = append(list, sequence{
			{"AccountName", a.Name}, {"AccountId", a.ID}, {"UserName", c.user.Name}, {"UserId", c.user.ID}, {"UserType", "CompanyUser"}, {"UserStatus", "Active"},
		})
	}
	return sequence{{"GetMembershipSummaryResult", sequence{{"MembershipSummaries", items{"MembershipSummary", list}}, {"Success", true}}}}, nil
}
