import java.util.Calendar;
import javax.xml.namespace.QName;
import javax.xml.soap.SOAPElement;
import net.docusign.www.API.Credential.ArrayOfAccountAccount;
import net.docusign.www.API.Credential.CredentialLocator;
import net.docusign.www.API.Credential.LoginResponseLoginResult;
import net.docusign.www.API._3_0.*;
import org.apache.axis.AxisFault;
import org.apache.axis.client.Stub;
import org.apache.axis.message.SOAPHeaderElement;

/**
 * An old program on Apache Axis 1.4 that does what most SOAP programs do: log in, send an envelope with a PDF, ask for its
 * status, get the address where the signer signs, fetch the PDFs, void the envelope, ask for one that there is not. Its stubs are made by WSDL2Java.
 *
 * Arguments: origin, user name with the integrator key in brackets, password. Prints one JSON line.
 */
public class SoapOperations {
    static final String WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

    public static void main(String[] args) throws Exception {
        String origin = args[0], username = args[1], password = args[2];

        CredentialLocator credential = new CredentialLocator();
        credential.setCredentialSoapEndpointAddress(origin + "/api/3.0/credential.asmx");
        LoginResponseLoginResult login = credential.getCredentialSoap().login(username, password, true);
        if (!login.isSuccess()) {
            throw new Exception("login failed: " + login.getErrorCode());
        }
        ArrayOfAccountAccount account = login.getAccounts()[0];

        APIServiceLocator locator = new APIServiceLocator();
        locator.setAPIServiceSoapEndpointAddress(account.getBaseUrl() + "/api.asmx");
        APIServiceSoap api = locator.getAPIServiceSoap();
        ((Stub) api).setHeader(security(username, password));

        EnvelopeStatus sent = api.createAndSendEnvelope(envelope(account.getAccountID()));
        String id = sent.getEnvelopeID();
        EnvelopeStatus status = api.requestStatus(id);
        String address = api.requestRecipientToken(id, "cora-1", "Cora Signer", "cora@example.com", assertion(), urls());
        DocumentPDFs pdfs = api.requestDocumentPDFs(id);
        VoidEnvelopeStatus voided = api.voidEnvelope(id, "a mistake");

        String fault = "none";
        try {
            api.requestStatus("c0ffee00-0000-4000-8000-000000000001");
        } catch (AxisFault e) {
            fault = e.getFaultString();
        }

        StringBuilder documents = new StringBuilder();
        for (DocumentPDF d : pdfs.getDocumentPDF()) {
            documents.append(documents.length() == 0 ? "" : ",").append(quoted(d.getName()));
        }
        System.out.println("{\"account\":" + quoted(account.getAccountID()) + ",\"envelopeId\":" + quoted(id)
            + ",\"sent\":" + quoted(sent.getStatus().getValue()) + ",\"status\":" + quoted(status.getStatus().getValue())
            + ",\"recipient\":" + quoted(status.getRecipientStatuses()[0].getUserName())
            + ",\"created\":" + quoted(status.getCreated().toInstant().toString()) + ",\"address\":" + quoted(address)
            + ",\"documents\":[" + documents + "],\"pdf\":"
            + quoted(new String(pdfs.getDocumentPDF()[0].getPDFBytes(), 0, 4, "ISO-8859-1"))
            + ",\"voided\":" + voided.isVoidSuccess() + ",\"fault\":" + quoted(fault) + "}");
    }

    static SOAPHeaderElement security(String username, String password) throws Exception {
        SOAPHeaderElement security = new SOAPHeaderElement(new QName(WSSE, "Security", "wsse"));
        security.setActor(null);
        SOAPElement token = security.addChildElement("UsernameToken", "wsse", WSSE);
        token.addChildElement("Username", "wsse", WSSE).addTextNode(username);
        token.addChildElement("Password", "wsse", WSSE).addTextNode(password);
        return security;
    }

    static Envelope envelope(String account) throws Exception {
        Document document = new Document();
        document.setID(new org.apache.axis.types.PositiveInteger("1"));
        document.setName("a.pdf");
        document.setPDFBytes("%PDF-1.4 small".getBytes("ISO-8859-1"));
        document.setFileExtension("pdf");
        Recipient cora = new Recipient();
        cora.setID(new org.apache.axis.types.PositiveInteger("1"));
        cora.setUserName("Cora Signer");
        cora.setEmail("cora@example.com");
        cora.setType(RecipientTypeCode.Signer);
        cora.setAccessCode("");
        cora.setRequireIDLookup(false);
        cora.setCaptiveInfo(new RecipientCaptiveInfo("cora-1"));
        cora.setRoutingOrder(new org.apache.axis.types.UnsignedShort(1));
        Tab sign = new Tab();
        sign.setDocumentID(new org.apache.axis.types.PositiveInteger("1"));
        sign.setRecipientID(new org.apache.axis.types.PositiveInteger("1"));
        sign.setPageNumber(new org.apache.axis.types.NonNegativeInteger("1"));
        sign.setXPosition(new org.apache.axis.types.NonNegativeInteger("100"));
        sign.setYPosition(new org.apache.axis.types.NonNegativeInteger("200"));
        sign.setType(TabTypeCode.SignHere);
        Envelope e = new Envelope();
        e.setAccountId(account);
        e.setSubject("Please sign & return");
        e.setEmailBlurb("");
        e.setDocuments(new Document[] {document});
        e.setRecipients(new Recipient[] {cora});
        e.setTabs(new Tab[] {sign});
        return e;
    }

    static RequestRecipientTokenAuthenticationAssertion assertion() {
        RequestRecipientTokenAuthenticationAssertion a = new RequestRecipientTokenAuthenticationAssertion();
        a.setAssertionID("a1");
        a.setAuthenticationInstant(Calendar.getInstance());
        a.setAuthenticationMethod(RequestRecipientTokenAuthenticationAssertionAuthenticationMethod.Password);
        a.setSecurityDomain("crm");
        return a;
    }

    static RequestRecipientTokenClientURLs urls() {
        String back = "https://crm.example.com/back?end=";
        RequestRecipientTokenClientURLs u = new RequestRecipientTokenClientURLs();
        u.setOnSigningComplete(back + "OnSigningComplete");
        u.setOnViewingComplete(back + "OnViewingComplete");
        u.setOnCancel(back + "OnCancel");
        u.setOnDecline(back + "OnDecline");
        u.setOnSessionTimeout(back + "OnSessionTimeout");
        u.setOnTTLExpired(back + "OnTTLExpired");
        u.setOnException(back + "OnException");
        u.setOnAccessCodeFailed(back + "OnAccessCodeFailed");
        u.setOnIdCheckFailed(back + "OnIdCheckFailed");
        u.setOnFaxPending(back + "OnFaxPending");
        return u;
    }

    static String quoted(String s) {
        return "\"" + s.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }
}
