"""An old program on Python zeep that does what most SOAP programs do: log in, send an envelope with a PDF, ask for its
status, get the address where the signer signs, fetch the PDFs, void the envelope, ask for one that there is not.

Arguments: origin, user name with the integrator key in brackets, password. Prints one JSON line.
"""
import json
import sys

from zeep import Client
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

origin, username, password = sys.argv[1:4]

login = Client(origin + "/api/3.0/credential.asmx?WSDL").service.Login(Email=username, Password=password, ReturnBaseUrl=True)
if not login.Success:
    sys.exit("login failed: " + login.ErrorCode)
account = login.Accounts.Account[0]

api = Client(account.BaseUrl + "/api.asmx?WSDL", wsse=UsernameToken(username, password)).bind(port_name="APIServiceSoap")
sent = api.CreateAndSendEnvelope(Envelope={
    "AccountId": account.AccountID, "Subject": "Please sign & return", "EmailBlurb": "",
    "Documents": {"Document": [{"ID": 1, "Name": "a.pdf", "PDFBytes": b"%PDF-1.4 small", "FileExtension": "pdf"}]},
    "Recipients": {"Recipient": [{
        "ID": 1, "UserName": "Cora Signer", "Email": "cora@example.com", "Type": "Signer", "AccessCode": "",
        "RequireIDLookup": False, "CaptiveInfo": {"ClientUserId": "cora-1"}, "RoutingOrder": 1,
    }]},
    "Tabs": {"Tab": [{"DocumentID": 1, "RecipientID": 1, "PageNumber": 1, "XPosition": 100, "YPosition": 200, "Type": "SignHere"}]},
})
status = api.RequestStatus(EnvelopeID=sent.EnvelopeID)
ends = ["OnSigningComplete", "OnViewingComplete", "OnCancel", "OnDecline", "OnSessionTimeout", "OnTTLExpired", "OnException",
        "OnAccessCodeFailed", "OnIdCheckFailed", "OnFaxPending"]
address = api.RequestRecipientToken(
    EnvelopeID=sent.EnvelopeID, ClientUserID="cora-1", Username="Cora Signer", Email="cora@example.com",
    AuthenticationAssertion={
        "AssertionID": "a1", "AuthenticationInstant": status.Created, "AuthenticationMethod": "Password", "SecurityDomain": "crm",
    },
    ClientURLs={end: "https://crm.example.com/back?end=" + end for end in ends},
)
pdfs = api.RequestDocumentPDFs(EnvelopeID=sent.EnvelopeID)
voided = api.VoidEnvelope(EnvelopeID=sent.EnvelopeID, Reason="a mistake")
try:
    api.RequestStatus(EnvelopeID="c0ffee00-0000-4000-8000-000000000001")
    fault = "none"
except Fault as err:
    fault = err.message
print(json.dumps({
    "account": account.AccountID, "envelopeId": sent.EnvelopeID, "sent": sent.Status, "status": status.Status,
    "recipient": status.RecipientStatuses.RecipientStatus[0].UserName, "created": status.Created.isoformat(), "address": address,
    "documents": [d.Name for d in pdfs.DocumentPDF], "pdf": pdfs.DocumentPDF[0].PDFBytes[:4].decode(), "voided": voided,
    "fault": fault,
}))
