"""An old program on Python zeep: log in, send an envelope with a PDF, ask for its status and its PDF, all over SOAP.

Arguments: origin, user name with the integrator key in brackets, password, account, SOAP version (1.1 or 1.2).
Proxies and CA come from HTTPS_PROXY and REQUESTS_CA_BUNDLE. Prints one JSON line.
"""
import json
import sys

from zeep import Client
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

origin, username, password, account, version = sys.argv[1:6]
suffix = "12" if version == "1.2" else ""
PDF = b"%PDF-1.4 small"


def service(base, name, port, wsse=None):
    client = Client(base + "/" + name + ".asmx?WSDL", wsse=wsse)
    return client.bind(port_name=port + suffix)


login = service(origin + "/api/3.0", "credential", "CredentialSoap").Login(Email=username, Password=password, ReturnBaseUrl=True)
if not login.Success:
    sys.exit("login failed: " + login.ErrorCode)
# As SOAP sites answer for each other's accounts, the first BaseUrl would do; the account's own is quicker.
base = next(a.BaseUrl for a in login.Accounts.Account if a.AccountID == account)

api = service(base, "dsapi", "DSAPIServiceSoap", UsernameToken(username, password))
sent = api.CreateAndSendEnvelope(Envelope={
    "AccountId": account, "Subject": "Please sign & return", "EmailBlurb": "",
    "Documents": {"Document": [{"ID": 1, "Name": "a.pdf", "PDFBytes": PDF}]},
    "Recipients": {"Recipient": [{"ID": 1, "UserName": "Sam Signer", "Email": "signer@example.com", "Type": "Signer", "RequireIDLookup": False}]},
})
status = api.RequestStatus(EnvelopeID=sent.EnvelopeID)
pdf = api.RequestPDF(EnvelopeID=sent.EnvelopeID)
try:
    api.RequestStatus(EnvelopeID="c0ffee00-0000-4000-8000-000000000001")
    fault = "none"
except Fault as err:
    fault = err.message
print(json.dumps({"baseUrl": base, "envelopeId": sent.EnvelopeID, "status": status.Status, "pdf": pdf.PDFBytes[:4].decode(), "fault": fault}))
