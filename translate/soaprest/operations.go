package soaprest

import (
	"context"
	"maps"
	"strings"
	"sync"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest/answer"
)

// operation is what is done about one operation of a service.
type operation struct {
	// run carries it out; nil = it is not.
	run func(context.Context, *task) (*answer.Answer, error)
	// outside = package proxy answers it, since no REST call is needed or the credential is in its body.
	outside bool
	// loss is what is lost on the way, or why it is not carried out; "" = nothing, or not by this version.
	loss string
}

func (o operation) class() Class {
	switch {
	case o.run == nil && !o.outside:
		return Impossible
	case o.loss != "":
		return Approximate
	}
	return Whole
}

// Classify says how an operation of a service is carried out, and what is lost, or why it is not (SOAP-REST.md §1).
func Classify(s *services.Service, name string) (class Class, loss string) {
	if !s.Has(name) {
		return Impossible, "the service has no such operation"
	}
	o := find(s, name)
	if class = o.class(); class == Impossible && o.loss == "" {
		return class, "not carried out by this version"
	}
	return class, o.loss
}

// find gives the zero operation for what this version knows nothing about.
func find(s *services.Service, name string) operation { return table()[s.Namespace][name] }

// table is by namespace and name: an operation that api.asmx and dsapi.asmx both have is one (SOAP-REST.md §0).
var table = sync.OnceValue( //nolint:gochecknoglobals // made once, never changed
	func() map[string]map[string]operation {
		envelopes := carriedOut()
		maps.Copy(envelopes, refusedOfEnvelopes())
		return map[string]map[string]operation{
			services.NamespaceAPI:               envelopes,
			services.NamespaceCredential:        ofCredential(),
			services.NamespaceAccountManagement: ofAccountManagement(),
		}
	})

// carriedOut are the operations of api.asmx and dsapi.asmx in the first release (SOAP-REST.md §1.1).
func carriedOut() map[string]operation {
	return map[string]operation{
		"CreateEnvelope":                      {run: createEnvelope},
		"CreateAndSendEnvelope":               {run: createAndSendEnvelope},
		"CreateEnvelopeFromTemplates":         {run: createFromTemplates},
		"CreateEnvelopeFromTemplatesAndForms": {run: createFromTemplatesAndForms},
		"SendEnvelope":                        {run: sendEnvelope},
		"CorrectAndResendEnvelope": {
			run:  correctAndResend,
			loss: "settings of an envelope are not corrected, and recipients with another Resend in a second step",
		},
		"VoidEnvelope":           {run: voidEnvelope},
		"PurgeDocuments":         {run: purgeDocuments},
		"RequestPDF":             {run: requestPDF},
		"RequestPDFNoWaterMark":  {run: requestPDF},
		"RequestPDFWithCert":     {run: requestPDF},
		"RequestPDFWithOptions":  {run: requestPDF},
		"RequestPDFsWithOptions": {run: requestPDFsWithOptions},
		"RequestDocumentPDFs":    {run: requestDocumentPDFs},
		"RequestDocumentPDFsEx":  {run: requestDocumentPDFs},
		"RequestCertificate":     {run: requestCertificate},
		"RequestStatus":          {run: requestStatus},
		"RequestStatusEx":        {run: requestStatus},
		"RequestStatuses":        {run: requestStatuses},
		"RequestStatusesEx":      {run: requestStatuses},
		"RequestTemplates":       {run: requestTemplates},
		"RequestTemplate":        {run: requestTemplate},
		"RequestRecipientToken":  {run: requestRecipientToken},
		"RequestSenderToken":     {run: requestSenderToken},
		"RequestCorrectToken":    {run: requestCorrectToken},
		"GetAccountMembershipFeaturesList": {
			run:  membershipFeatures,
			loss: "the features are those of soap_rest.features, and without them it is refused",
		},
		"SynchEnvelope": {run: synchEnvelope},
		"Ping":          {run: ping},
	}
}

// refusedOfEnvelopes are those of api.asmx and dsapi.asmx that REST has no way for (SOAP-REST.md §1.2).
func refusedOfEnvelopes() map[string]operation {
	return refused(map[string]string{
		"GetRecipientEsignList":              "REST has nothing like it",
		"CreateAccountBrands":                "REST does not take the definition file of a brand",
		"RequestRecipientFaxToken":           "REST sends nothing by fax",
		"RequestRecipientFaxPDF":             "REST sends nothing by fax",
		"TransferEnvelope":                   "REST hands over all envelopes of a user, never one alone",
		"AcknowledgeAuthoritativeCopyExport": "authoritative copies leave DocuSign over SOAP alone",
		"ExportAuthoritativeCopy":            "authoritative copies leave DocuSign over SOAP alone",
		"GetAddressBookItems":                "REST does not list the address book",
	})
}

// ofCredential are those of credential.asmx (SOAP-REST.md §1.3).
func ofCredential() map[string]operation {
	return map[string]operation{
		"Ping":  {run: ping},
		"Login": {outside: true},
		"GetAuthenticationToken": {
			run:  getAuthenticationToken,
			loss: "the browser comes back to console_return_url, and without that it is refused",
		},
		"RequestSenderToken":  {run: requestSenderToken},
		"RequestCorrectToken": {run: requestCorrectToken},
	}
}

// ofAccountManagement are those of accountmanagement.asmx (SOAP-REST.md §1.4).
func ofAccountManagement() map[string]operation {
	const (
		nothing  = "REST has nothing like it"
		money    = "it is about plans and seats, which are paid for"
		password = "it is about passwords"
	)
	all := map[string]operation{
		"Ping":                 {outside: true},
		"GetEncryptedPassword": {outside: true},
	}
	for names, reason := range map[string]string{
		"UpgradeRecipientAccount NewSocialAccount ResendAccountActivation ActivateSalesforceInstance " +
			"InitializeClientAccount": nothing,
		"AddEnvelopeCurrency GetPlanGroupInformation ChangeAccountPricePlan GetDistributorSeatAllotment " +
			"VerifySeatEligibility GetPlanDetails IncrementAccountSeats": money,
		"SetConnectCredentials GetConnectCredentials ChangePassword": password,
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = operation{loss: reason}
		}
	}
	return all
}

func refused(reasons map[string]string) map[string]operation {
	all := map[string]operation{}
	for name, reason := range reasons {
		all[name] = operation{loss: reason}
	}
	return all
}
