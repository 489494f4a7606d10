// An old program on npm's soap that does what most SOAP programs do: log in, send an envelope with a PDF, ask for its
// status, get the address where the signer signs, fetch the PDFs, void the envelope, ask for one that there is not.
//
// Arguments: origin, user name with the integrator key in brackets, password, folder of node_modules. Prints one JSON line.
const { createRequire } = require('node:module');
const path = require('node:path');

const [origin, username, password, modules] = process.argv.slice(2);
const soap = createRequire(path.join(modules, 'x.js'))('soap');

async function main() {
  const credential = await soap.createClientAsync(origin + '/api/3.0/credential.asmx?WSDL');
  const [{ LoginResult: login }] = await credential.LoginAsync({ Email: username, Password: password, ReturnBaseUrl: true });
  if (!login.Success) throw new Error('login failed: ' + login.ErrorCode);
  const account = login.Accounts.Account[0];

  const api = await soap.createClientAsync(account.BaseUrl + '/api.asmx?WSDL');
  api.setSecurity(new soap.WSSecurity(username, password));
  const [{ CreateAndSendEnvelopeResult: sent }] = await api.CreateAndSendEnvelopeAsync({
    Envelope: {
      AccountId: account.AccountID,
      Documents: { Document: [{ ID: 1, Name: 'a.pdf', PDFBytes: Buffer.from('%PDF-1.4 small').toString('base64'), FileExtension: 'pdf' }] },
      Recipients: {
        Recipient: [{
          ID: 1, UserName: 'Cora Signer', Email: 'cora@example.com', Type: 'Signer', AccessCode: '', RequireIDLookup: false,
          CaptiveInfo: { ClientUserId: 'cora-1' }, RoutingOrder: 1,
        }],
      },
      Tabs: { Tab: [{ DocumentID: 1, RecipientID: 1, PageNumber: 1, XPosition: 100, YPosition: 200, Type: 'SignHere' }] },
      Subject: 'Please sign & return',
      EmailBlurb: '',
    },
  });
  const id = { EnvelopeID: sent.EnvelopeID };
  const [{ RequestStatusResult: status }] = await api.RequestStatusAsync(id);
  const ends = ['OnSigningComplete', 'OnViewingComplete', 'OnCancel', 'OnDecline', 'OnSessionTimeout', 'OnTTLExpired', 'OnException',
    'OnAccessCodeFailed', 'OnIdCheckFailed', 'OnFaxPending'];
  const [{ RequestRecipientTokenResult: address }] = await api.RequestRecipientTokenAsync({
    ...id, ClientUserID: 'cora-1', Username: 'Cora Signer', Email: 'cora@example.com',
    AuthenticationAssertion: {
      AssertionID: 'a1', AuthenticationInstant: new Date().toISOString(), AuthenticationMethod: 'Password', SecurityDomain: 'crm',
    },
    ClientURLs: Object.fromEntries(ends.map((end) => [end, 'https://crm.example.com/back?end=' + end])),
  });
  const [{ RequestDocumentPDFsResult: pdfs }] = await api.RequestDocumentPDFsAsync(id);
  const [{ VoidEnvelopeResult: voided }] = await api.VoidEnvelopeAsync({ ...id, Reason: 'a mistake' });
  let fault = 'none';
  try {
    await api.RequestStatusAsync({ EnvelopeID: 'c0ffee00-0000-4000-8000-000000000001' });
  } catch (err) {
    fault = err.root.Envelope.Body.Fault.faultstring;
  }
  console.log(JSON.stringify({
    account: account.AccountID, envelopeId: sent.EnvelopeID, sent: sent.Status, status: status.Status,
    recipient: status.RecipientStatuses.RecipientStatus[0].UserName, created: status.Created, address,
    documents: pdfs.DocumentPDF.map((d) => d.Name), pdf: Buffer.from(pdfs.DocumentPDF[0].PDFBytes, 'base64').toString('latin1', 0, 4),
    voided: voided.VoidSuccess, fault,
  }));
}

main().catch((err) => {
  console.error(err.message, err.body ?? '');
  process.exit(1);
});
