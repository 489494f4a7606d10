"""An old program on Python requests: log in with the legacy header, send an envelope, read it and its document back.

Arguments: URL of login_information, legacy header. Proxies and CA come from HTTPS_PROXY and REQUESTS_CA_BUNDLE. Prints one JSON line.
"""
import base64
import json
import sys

import requests

login_url, header = sys.argv[1], sys.argv[2]
session = requests.Session()
session.headers.update({"X-DocuSign-Authentication": header, "Accept": "application/json"})

login = session.get(login_url)
login.raise_for_status()
account = next(a for a in login.json()["loginAccounts"] if a["isDefault"] == "true")
base = account["baseUrl"]

created = session.post(base + "/envelopes", json={
    "emailSubject": "Please sign", "status": "sent",
    "documents": [{"documentId": "1", "name": "a.pdf", "documentBase64": base64.b64encode(b"%PDF-1.4 small").decode()}],
    "recipients": {"signers": [{"email": "signer@example.com", "name": "Sam Signer", "recipientId": "1"}]},
})
created.raise_for_status()
envelope = created.json()["envelopeId"]
read = session.get(base + "/envelopes/" + envelope)
read.raise_for_status()
pdf = session.get(base + "/envelopes/" + envelope + "/documents/combined", headers={"Accept": "application/pdf"})
pdf.raise_for_status()
print(json.dumps({"baseUrl": base, "envelopeId": envelope, "status": read.json()["status"], "pdf": pdf.content[:4].decode()}))
