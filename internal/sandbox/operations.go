package sandbox

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/asmx"
	"docusign-auth-proxy/internal/sandbox/envelope"
	"docusign-auth-proxy/internal/sandbox/message"
)

// operation carries out one SOAP operation and gives what its Result element holds.
type operation func(*soapRequest) (any, *apiError)

// operations are those that the sandbox carries out, by name (PROTOCOL.md §4.5 to §4.7, SOAP-REST.md §1.2).
func operations() map[string]operation {
	return map[string]operation{
		"CorrectAndResendEnvelope":            ofEnvelope(correctAndResend),
		"CreateAndSendEnvelope":               inAccount(creating(fromEnvelope("sent"))),
		"CreateEnvelope":                      inAccount(creating(fromEnvelope("created"))),
		"CreateEnvelopeFromTemplates":         inAccount(creating(fromTemplates)),
		"CreateEnvelopeFromTemplatesAndForms": inAccount(creating(fromForms)),
		"GetAccountMembershipFeaturesList":    inAccount(features),
		"GetAuthenticationToken":              inAccount(view),
		"GetEncryptedPassword":                encryptedPassword,
		"GetMembershipSummary":                membershipSummary,
		"Login":                               login,
		"Ping":                                func(*soapRequest) (any, *apiError) { return true, nil },
		"PurgeDocuments":                      ofEnvelope(purge),
		"RequestCertificate":                  ofEnvelope(documents(isCertificate)),
		"RequestCorrectToken":                 ofEnvelope(correctView),
		"RequestDocumentPDFs":                 ofEnvelope(documents(nil)),
		"RequestDocumentPDFsEx":               ofEnvelope(documents(nil)),
		"RequestPDF":                          ofEnvelope(combined("false", "true", "false")),
		"RequestPDFNoWaterMark":               ofEnvelope(combined("false", "false", "false")),
		"RequestPDFWithCert":                  ofEnvelope(combined("true", "AddWaterMark", "false")),
		"RequestPDFWithOptions":               ofEnvelope(combined("IncludeCert", "AddWaterMark", "ShowChanges")),
		"RequestPDFsWithOptions":              ofEnvelope(documents(nil)),
		"RequestRecipientToken":               ofEnvelope(recipientView),
		"RequestSenderToken":                  senderView,
		"RequestStatus":                       ofEnvelope(status(false)),
		"RequestStatusEx":                     ofEnvelope(status(true)),
		"RequestStatuses":                     inAccount(statusList(false)),
		"RequestStatusesEx":                   inAccount(statusList(true)),
		"RequestTemplate":                     requestTemplate,
		"RequestTemplates":                    inAccount(templateList),
		"SendEnvelope":                        ofEnvelope(sendDraft),
		"SynchEnvelope":                       inAccount(synch),
		"VoidEnvelope":                        ofEnvelope(voidEnvelope),
	}
}

// inAccount finds the account that an operation names.
func inAccount(do operation) operation {
	return func(c *soapRequest) (any, *apiError) {
		if refused := c.findAccountNamed(); refused != nil {
			return nil, refused
		}
		return do(c)
	}
}

// ofEnvelope finds the envelope that an operation names.
func ofEnvelope(do operation) operation {
	return func(c *soapRequest) (any, *apiError) {
		if refused := c.findEnvelope(); refused != nil {
			return nil, refused
		}
		return do(c)
	}
}

// findAccountNamed finds the account an operation names and checks membership; without a name it is the caller's
// default. SOAP serves every account at every site (PROTOCOL.md §4.1).
func (c *soapRequest) findAccountNamed() *apiError {
	id := cmp.Or(c.msg.Field("AccountId"), c.msg.Field("AccountID"))
	for _, parent := range []string{"Envelope", "EnvelopeInformation", "EnvelopeStatusFilter"} {
		id = cmp.Or(id, c.msg.Body.Child(parent).Value("AccountId"))
	}
	return c.enter(cmp.Or(id, c.User.Default))
}

func (c *soapRequest) enter(id string) *apiError {
	account, exists := c.findAccount(id)
	return c.join(account, exists, refusal("ACCOUNT_DOES_NOT_EXIST_IN_SYSTEM"))
}

// findEnvelope finds the envelope an operation names among those of the caller's accounts.
func (c *soapRequest) findEnvelope() *apiError {
	id := cmp.Or(c.msg.Field("EnvelopeID"), c.msg.Field("EnvelopeId"), c.msg.Body.Child("Correction").Value("EnvelopeID"))
	e, known := c.envelopes.get(strings.ToLower(strings.Trim(id, "{} \t\r\n")))
	if !known || !isMember(c.User, Account{ID: e.AccountID}) {
		return refusal("ENVELOPE_DOES_NOT_EXIST")
	}
	c.Envelope = e
	return c.enter(e.AccountID)
}

// status shows the envelope.
func status(ex bool) operation {
	return func(c *soapRequest) (any, *apiError) { return c.statusOf(c.Envelope, ex), nil }
}

func (c *soapRequest) statusOf(e Envelope, ex bool) asmx.Fields {
	u, _ := c.findUser(e.SenderID)
	return asmx.Status{Envelope: e, SenderName: u.Name, SenderEmail: u.Email, Now: c.now(), Ex: ex}.Fields()
}

// creating makes an envelope of what read takes from the request. Reminders of templates are not taken over
// (SOAP-REST.md §3.5).
func creating(read func(*soapRequest) object) operation {
	return func(c *soapRequest) (any, *apiError) {
		d := read(c)
		if text(d, "status") == "sent" && text(d, "emailSubject") == "" && d["compositeTemplates"] == nil {
			return nil, invalid("The envelope has no subject.")
		}
		quiet := c.msg.Operation == "CreateEnvelopeFromTemplates"
		if refused := c.create(d, envelope.Making{MergeRoles: true, NoTemplateNotification: quiet}); refused != nil {
			return nil, refused
		}
		if c.Envelope.Asynchronous { // it is made later, and has no id yet (SOAP-REST.md §3.1)
			f := c.statusOf(c.Envelope.Unsent("processing"), false)
			delete(f, "EnvelopeID")
			return f, nil
		}
		return c.statusOf(c.Envelope, false), nil
	}
}

func invalid(sentence string) *apiError { return &apiError{code: "Validation error: " + sentence} }

func fromEnvelope(status string) func(*soapRequest) object {
	return func(c *soapRequest) object {
		d := asmx.Definition(c.msg.Body.Child("Envelope"))
		d["status"] = status
		return d
	}
}

func fromForms(c *soapRequest) object { return asmx.FromForms(c.msg.Body) }

func fromTemplates(c *soapRequest) object {
	return asmx.FromTemplates(c.msg.Body, func(id, role, label string) []string {
		t, _ := c.template(id)
		return t.Kinds(role, label)
	})
}

func sendDraft(c *soapRequest) (any, *apiError) {
	if refused := c.send(); refused != nil {
		return nil, refused
	}
	return c.statusOf(c.Envelope, false), nil
}

// voidEnvelope: every refusal to void has one name here.
func voidEnvelope(c *soapRequest) (any, *apiError) {
	if refused := c.void(c.msg.Field("Reason")); refused != nil {
		refused.code = "ENVELOPE_CANNOT_VOID_INVALID_STATE"
		return nil, refused
	}
	return asmx.Fields{"VoidSuccess": true}, nil
}

func purge(c *soapRequest) (any, *apiError) {
	return asmx.Fields{"PurgeDocumentSuccess": true}, c.purge("documents_queued")
}

// correctAndResend is SOAP-REST.md §4.9.
func correctAndResend(c *soapRequest) (any, *apiError) {
	asked := c.msg.Body.Child("Correction")
	if s := c.Envelope.Status; s != "sent" && s != "delivered" {
		return nil, &apiError{code: "Envelope_Cannot_Correct_Invalid_State", message: "The envelope is not under way."}
	}
	all := asmx.Corrections(asked, c.Envelope.Recipients)
	done := map[string]bool{}
	for _, resend := range []bool{true, false} {
		together := asmx.Together(all, resend)
		if len(together) == 0 {
			continue
		}
		results, refused := c.correct(together, resend)
		if refused != nil {
			return nil, refused
		}
		for _, v := range results {
			o := v.(object)
			done[text(o, "recipientId")] = text(o["errorDetails"].(object), "errorCode") == "SUCCESS"
		}
	}
	list := []asmx.Fields{}
	for _, correction := range all {
		var now *Recipient
		if r := correction.Recipient; r != nil {
			i := slices.IndexFunc(c.Envelope.Recipients, func(other Recipient) bool { return other.ID == r.ID })
			now = &c.Envelope.Recipients[i]
		}
		list = append(list, asmx.Corrected(correction, now != nil && done[now.ID], now))
	}
	f := asmx.Fields{"RecipientCorrectionStatuses": asmx.Fields{"RecipientCorrectionStatus": list}}
	if n := asmx.Notification(asked); len(n) > 0 {
		if refused := c.notify(n); refused != nil {
			return nil, refused
		}
		f["Reminders"], f["Expirations"] = asmx.Echo(asked.Child("Reminders")), asmx.Echo(asked.Child("Expirations"))
	}
	return f, nil
}

// asks is true, false, or what an element of the operation or of its options says.
func (c *soapRequest) asks(word string) bool {
	if word == "true" || word == "false" {
		return word == "true"
	}
	options := cmp.Or(c.msg.Body.Child("PDFOptions"), c.msg.Body.Child("PDFsOptions"), c.msg.Body)
	return options.Value(word) == "true"
}

// combined sends all documents as one; of a draft there is none (SOAP-REST.md §4.4).
func combined(certificate, watermark, changes string) operation {
	return func(c *soapRequest) (any, *apiError) {
		f := asmx.Fields{"EnvelopeID": c.Envelope.ID}
		if c.Envelope.Status != "created" {
			options := envelope.Options("combined", c.asks(certificate), c.asks(watermark), c.asks(changes))
			f["PDFBytes"] = c.pdf("combined", options)
		}
		return f, nil
	}
}

func (c *soapRequest) pdf(id, options string) asmx.Bytes {
	size := c.Envelope.PDFSize(id)
	return asmx.Bytes{Size: size, Open: c.Envelope.PDF(id, options, size)}
}

func isCertificate(id string) bool { return id == "certificate" }

// documents sends the documents and the certificate one by one, or those of them that are wanted.
func documents(wanted func(id string) bool) operation {
	return func(c *soapRequest) (any, *apiError) {
		list := []asmx.Fields{}
		options := c.msg.Body.Child("PDFsOptions")
		only := options.Value("DocumentID")
		for _, v := range c.Envelope.ShowDocuments() {
			o := v.(object)
			id := text(o, "documentId")
			if c.Envelope.Status == "created" || wanted != nil && !wanted(id) || only != "" && only != id {
				continue
			}
			f := asmx.Fields{"Name": o["name"], "PDFBytes": c.pdf(id, envelope.Options(id, false, true, c.asks("ShowChanges")))}
			if c.msg.Operation != "RequestDocumentPDFs" {
				f["DocumentType"] = map[bool]string{true: "SUMMARY", false: "CONTENT"}[isCertificate(id)]
				if !isCertificate(id) {
					f["DocumentID"] = id
				}
			}
			list = append(list, f)
		}
		return asmx.Fields{"EnvelopeId": c.Envelope.ID, "DocumentPDF": list}, nil
	}
}

// statusList is SOAP-REST.md §4.3.
func statusList(ex bool) operation {
	return func(c *soapRequest) (any, *apiError) {
		asked := c.msg.Body.Child("EnvelopeStatusFilter")
		f, from, refused := c.filter(asked)
		if refused != nil {
			return nil, refused
		}
		all := c.choose(c.Account.ID, f)
		list := []asmx.Fields{}
		for _, e := range all[min(from, len(all)):min(from+1000, len(all))] {
			list = append(list, c.statusOf(e, ex))
		}
		return asmx.Fields{
			"ResultSetSize": len(all), "EnvelopeStatusFilter": asmx.Filter(asked),
			"EnvelopeStatuses": asmx.Fields{"EnvelopeStatus": list},
		}, nil
	}
}

func (c *soapRequest) filter(e *message.Element) (f envelope.Filter, from int, refused *apiError) {
	begin, end, user := e.Child("BeginDateTime"), e.Child("EndDateTime"), e.Child("UserInfo")
	if (user.Value("UserName") == "") != (user.Value("Email") == "") {
		return f, 0, invalid("UserName and Email come together.")
	}
	if begin == nil && e.Child("EnvelopeIds") == nil {
		return f, 0, invalid("The filter has neither BeginDateTime nor EnvelopeIds.")
	}
	if begin != nil {
		f.From, f.FromTo = asmx.Time(begin), strings.ToLower(asmx.Qualifier(begin))
	}
	if end != nil {
		f.To = asmx.Time(end)
	}
	for _, s := range e.Child("Statuses").Items() {
		f.Statuses = append(f.Statuses, strings.ToLower(s.Text))
	}
	if len(f.Statuses) == 0 || slices.Contains(f.Statuses, "any") {
		f.Statuses = envelope.Statuses()
	}
	for _, id := range e.Child("EnvelopeIds").Items() {
		f.IDs = append(f.IDs, strings.ToLower(strings.TrimSpace(id.Text)))
	}
	return f, asmx.Number(e.Child("StartAtIndex")), c.senderOf(&f, user.Value("UserName"), user.Value("Email"))
}

func templateList(c *soapRequest) (any, *apiError) {
	list := []asmx.Fields{}
	for _, t := range c.templates.all() {
		if t.AccountID == c.Account.ID {
			list = append(list, asmx.Definitions(t))
		}
	}
	return asmx.Fields{"EnvelopeTemplateDefinition": list}, nil
}

func requestTemplate(c *soapRequest) (any, *apiError) {
	t, known := c.templates.get(strings.ToLower(c.msg.Field("TemplateID")))
	if !known || !isMember(c.User, Account{ID: t.AccountID}) {
		return nil, refusal("TEMPLATE_ID_INVALID")
	}
	bytes := func(id string) any {
		if c.msg.Field("IncludeDocumentBytes") != "true" {
			return "AA==" // recorded: one zero byte (SOAP-REST.md §4.10)
		}
		c.Envelope = t.Envelope
		return c.pdf(id, envelope.Options(id, false, true, false))
	}
	whole := asmx.Template(c.service, t, bytes)
	return asmx.Fields{"EnvelopeTemplateDefinition": asmx.Definitions(t), "Envelope": whole}, nil
}

// synchTime is how long Block waits for one that is still processed; DocuSign's ten minutes are too long for a test.
const synchTime = 5 * time.Second

// synch tells what became of a creation (SOAP-REST.md §1.2).
func synch(c *soapRequest) (any, *apiError) {
	found := c.transactions([]string{c.msg.Field("TransactionID")})
	if len(found) == 0 {
		return nil, refusal("ENVELOPE_DOES_NOT_EXIST")
	}
	e := found[len(found)-1]
	for waited := time.Duration(0); c.processing(e) && c.msg.Field("Block") == "true" && waited < synchTime; {
		pause(c.Context(), 20*time.Millisecond)
		waited += 20 * time.Millisecond
	}
	if c.processing(e) {
		return asmx.Fields{"EnvelopeStatus": "Processing"}, nil
	}
	return asmx.Fields{"EnvelopeStatus": asmx.Word(e.Status), "EnvelopeID": e.ID}, nil
}

func view(c *soapRequest) (any, *apiError) { return c.ViewURL(), nil }

func recipientView(c *soapRequest) (any, *apiError) {
	who := c.msg.Field
	return c.ViewURL(), asError(envelope.CanSign(c.Envelope, who("ClientUserID"), who("Username"), who("Email")))
}

func correctView(c *soapRequest) (any, *apiError) {
	return c.ViewURL(), asError(envelope.IsUnderWay(c.Envelope))
}

// senderView makes a draft where the request names no envelope.
func senderView(c *soapRequest) (any, *apiError) {
	if strings.TrimSpace(c.msg.Field("EnvelopeID")) != "" {
		return ofEnvelope(func(c *soapRequest) (any, *apiError) {
			return c.ViewURL(), asError(envelope.IsDraft(c.Envelope))
		})(c)
	}
	return inAccount(func(c *soapRequest) (any, *apiError) {
		refused := c.create(object{"status": "created"}, envelope.Making{})
		return c.ViewURL(), refused
	})(c)
}

func features(c *soapRequest) (any, *apiError) {
	return asmx.Fields{
		"Email": c.User.Email, "UserName": c.User.Name,
		"EnabledFeaturesSet": asmx.Fields{"EnabledFeatures": []string{"CanSendEnvelope", "CanManageTemplates"}},
	}, nil
}

func encryptedPassword(*soapRequest) (any, *apiError) {
	return asmx.Fields{"EncryptedPassword": "bm90LWEtcmVhbC1wYXNzd29yZC0h", "Success": true}, nil
}

func login(c *soapRequest) (any, *apiError) {
	list := []asmx.Fields{}
	for _, a := range c.Memberships() {
		f := asmx.Fields{
			"AccountID": a.ID, "AccountName": a.Name, "UserID": c.User.ID, "UserName": c.User.Name, "Email": c.User.Email,
		}
		if c.msg.Field("ReturnBaseUrl") == "true" {
			f["BaseUrl"] = c.SiteURL(a.Site) + "/api/3.0"
		}
		list = append(list, f)
	}
	return asmx.Fields{"Success": true, "ErrorCode": "Success", "Accounts": asmx.Fields{"Account": list}}, nil
}

func membershipSummary(c *soapRequest) (any, *apiError) {
	list := []asmx.Fields{}
	for _, a := range c.Memberships() {
		list = append(list, asmx.Fields{
			"AccountName": a.Name, "AccountId": a.ID, "UserName": c.User.Name, "UserId": c.User.ID, "UserType": "CompanyUser",
			"UserStatus": "Active",
		})
	}
	return asmx.Fields{"MembershipSummaries": asmx.Fields{"MembershipSummary": list}, "Success": true}, nil
}

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
