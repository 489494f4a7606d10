/* An old program on gSOAP that does what most SOAP programs do: log in, send an envelope with a PDF, ask for its status, get
 * the address where the signer signs, fetch the PDFs, void the envelope, ask for one that there is not. Its stubs are made by wsdl2h and soapcpp2, with the
 * header of soap_operations.h; ns1 is api.asmx, ns2 credential.asmx. It takes answers in gSOAP's strict mode.
 *
 * Arguments: origin, user name with the integrator key in brackets, password. Prints one JSON line. */
#include "soapH.h"
#include "APIServiceSoap.nsmap"

static const char *username, *password;

/* done ends the program after a fault. */
static void done(struct soap *soap, const char *operation, int code)
{
	if (code == SOAP_OK)
		return;
	fprintf(stderr, "%s: ", operation);
	soap_print_fault(soap, stderr);
	exit(1);
}

/* secure sets the header of the next call. */
static void secure(struct soap *soap)
{
	soap_header(soap);
	soap->header->wsse__Security = soap_malloc(soap, sizeof(struct wsse__Security));
	soap->header->wsse__Security->UsernameToken = soap_malloc(soap, sizeof(struct wsse__UsernameToken));
	soap->header->wsse__Security->UsernameToken->Username = (char *)username;
	soap->header->wsse__Security->UsernameToken->Password = (char *)password;
}

static struct ns1__EnvelopeStatus *create(struct soap *soap, const char *api, char *account)
{
	static char pdf[] = "%PDF-1.4 small";
	static enum xsd__boolean no = xsd__boolean__false_;
	static unsigned short first = 1;
	struct ns1__RecipientCaptiveInfo captive = {"cora-1"};
	struct ns1__Document document = {0};
	struct ns1__Recipient cora = {0};
	struct ns1__Tab sign = {0};
	struct ns1__ArrayOfDocument documents = {1, &document};
	struct ns1__ArrayOfRecipient recipients = {1, &cora};
	struct ns1__ArrayOfTab tabs = {1, &sign};
	struct ns1__Envelope envelope = {0};
	struct _ns1__CreateAndSendEnvelope request = {&envelope};
	struct _ns1__CreateAndSendEnvelopeResponse answer;

	document.ID = "1";
	document.Name = "a.pdf";
	document.PDFBytes.__ptr = (unsigned char *)pdf;
	document.PDFBytes.__size = sizeof pdf - 1;
	document.FileExtension = "pdf";
	cora.ID = "1";
	cora.UserName = "Cora Signer";
	cora.Email = "cora@example.com";
	cora.Type = ns1__RecipientTypeCode__Signer;
	cora.AccessCode = "";
	cora.RequireIDLookup = &no;
	cora.CaptiveInfo = &captive;
	cora.RoutingOrder = &first;
	sign.DocumentID = sign.RecipientID = sign.PageNumber = "1";
	sign.XPosition = "100";
	sign.YPosition = "200";
	sign.Type = ns1__TabTypeCode__SignHere;
	envelope.AccountId = account;
	envelope.Documents = &documents;
	envelope.Recipients = &recipients;
	envelope.Tabs = &tabs;
	envelope.Subject = "Please sign & return";
	envelope.EmailBlurb = "";
	secure(soap);
	done(soap, "CreateAndSendEnvelope", soap_call___ns1__CreateAndSendEnvelope(soap, api, NULL, &request, &answer));
	return answer.CreateAndSendEnvelopeResult;
}

static struct ns1__EnvelopeStatus *status(struct soap *soap, const char *api, char *id)
{
	struct _ns1__RequestStatus request = {id};
	struct _ns1__RequestStatusResponse answer;

	secure(soap);
	done(soap, "RequestStatus", soap_call___ns1__RequestStatus(soap, api, NULL, &request, &answer));
	return answer.RequestStatusResult;
}

/* fault asks for an envelope that there is not. In strict mode gSOAP takes no elements in the detail of a fault that the
 * WSDL does not name, which DocuSign's does not. */
static const char *fault(struct soap *soap, const char *api)
{
	struct _ns1__RequestStatus request = {"c0ffee00-0000-4000-8000-000000000001"};
	struct _ns1__RequestStatusResponse answer;

	secure(soap);
	soap_clr_imode(soap, SOAP_XML_STRICT);
	if (soap_call___ns1__RequestStatus(soap, api, NULL, &request, &answer) == SOAP_OK)
		return "none";
	return soap_fault_string(soap);
}

static char *token(struct soap *soap, const char *api, char *id)
{
	struct ns1__RequestRecipientTokenAuthenticationAssertion assertion = {"a1", time(NULL),
		ns1__RequestRecipientTokenAuthenticationAssertionAuthenticationMethod__Password, "crm"};
	struct ns1__RequestRecipientTokenClientURLs urls = {0};
	struct _ns1__RequestRecipientToken request = {id, "cora-1", "Cora Signer", "cora@example.com", &assertion, &urls};
	struct _ns1__RequestRecipientTokenResponse answer;

	urls.OnSigningComplete = "https://crm.example.com/back?end=OnSigningComplete";
	urls.OnViewingComplete = "https://crm.example.com/back?end=OnViewingComplete";
	urls.OnCancel = "https://crm.example.com/back?end=OnCancel";
	urls.OnDecline = "https://crm.example.com/back?end=OnDecline";
	urls.OnSessionTimeout = "https://crm.example.com/back?end=OnSessionTimeout";
	urls.OnTTLExpired = "https://crm.example.com/back?end=OnTTLExpired";
	urls.OnException = "https://crm.example.com/back?end=OnException";
	urls.OnAccessCodeFailed = "https://crm.example.com/back?end=OnAccessCodeFailed";
	urls.OnIdCheckFailed = "https://crm.example.com/back?end=OnIdCheckFailed";
	urls.OnFaxPending = "https://crm.example.com/back?end=OnFaxPending";
	secure(soap);
	done(soap, "RequestRecipientToken", soap_call___ns1__RequestRecipientToken(soap, api, NULL, &request, &answer));
	return answer.RequestRecipientTokenResult;
}

int main(int argc, char **argv)
{
	struct soap *soap = soap_new1(SOAP_XML_STRICT | SOAP_C_UTFSTRING);
	struct _ns2__Login login = {0};
	struct _ns2__LoginResponse in;
	struct ns1__EnvelopeStatus *sent, *now;
	struct _ns1__RequestDocumentPDFs fetch = {0};
	struct _ns1__RequestDocumentPDFsResponse pdfs;
	struct _ns1__VoidEnvelope end = {0};
	struct _ns1__VoidEnvelopeResponse voided;
	char at[512], *account, *address;
	int i;

	if (argc != 4)
		return 2;
	username = argv[2];
	password = argv[3];
	snprintf(at, sizeof at, "%s/api/3.0/credential.asmx", argv[1]);
	login.Email = argv[2];
	login.Password = argv[3];
	login.ReturnBaseUrl = xsd__boolean__true_;
	done(soap, "Login", soap_call___ns2__Login(soap, at, NULL, &login, &in));
	if (!in.LoginResult->Success) {
		fprintf(stderr, "login failed\n");
		return 1;
	}
	account = in.LoginResult->Accounts->Account[0].AccountID;
	snprintf(at, sizeof at, "%s/api.asmx", in.LoginResult->Accounts->Account[0].BaseUrl);

	sent = create(soap, at, account);
	now = status(soap, at, sent->EnvelopeID);
	address = token(soap, at, sent->EnvelopeID);
	fetch.EnvelopeID = end.EnvelopeID = sent->EnvelopeID;
	secure(soap);
	done(soap, "RequestDocumentPDFs", soap_call___ns1__RequestDocumentPDFs(soap, at, NULL, &fetch, &pdfs));
	end.Reason = "a mistake";
	secure(soap);
	done(soap, "VoidEnvelope", soap_call___ns1__VoidEnvelope(soap, at, NULL, &end, &voided));

	printf("{\"account\":\"%s\",\"envelopeId\":\"%s\",\"sent\":\"%s\",\"status\":\"%s\",\"recipient\":\"%s\",\"created\":\"%ld\","
		"\"address\":\"%s\",\"documents\":[",
		account, sent->EnvelopeID, soap_ns1__EnvelopeStatusCode2s(soap, sent->Status),
		soap_ns1__EnvelopeStatusCode2s(soap, now->Status), now->RecipientStatuses->RecipientStatus[0].UserName,
		(long)now->Created, address);
	for (i = 0; i < pdfs.RequestDocumentPDFsResult->__sizeDocumentPDF; i++)
		printf("%s\"%s\"", i ? "," : "", pdfs.RequestDocumentPDFsResult->DocumentPDF[i].Name);
	printf("],\"pdf\":\"%.4s\",\"voided\":%s,\"fault\":\"%s\"}\n", pdfs.RequestDocumentPDFsResult->DocumentPDF[0].PDFBytes.__ptr,
		voided.VoidEnvelopeResult->VoidSuccess ? "true" : "false", fault(soap, at));
	return 0;
}
