// An old program on docusign-esign 4.0.0: log in with the legacy header, send an envelope, read it and its document back.
// Arguments: base URL of the sidecar, legacy header, expected account number. Prints one JSON line.
'use strict';
const docusign = require('docusign-esign');
const [, , base, header, number] = process.argv;

const client = new docusign.ApiClient();
client.setBasePath(base + '/restapi');
client.addDefaultHeader('X-DocuSign-Authentication', header);
docusign.Configuration.default.setDefaultApiClient(client);

const call = (fn) => new Promise((resolve, reject) => fn((error, data) => {
  if (error) {
    reject(new Error((error.response && error.response.text) || error.message || String(error)));
    return;
  }
  resolve(data);
}));

(async () => {
  const login = await call((done) => new docusign.AuthenticationApi(client).login({ apiPassword: 'true', includeAccountIdGuid: 'true' }, done));
  const account = login.loginAccounts.find((a) => a.isDefault === 'true');
  if (account.accountId !== number) throw new Error('account ' + account.accountId);
  // As the package's own read-me does it: the base path is what stands before /v2 in baseUrl.
  client.setBasePath(account.baseUrl.split('/v2')[0]);

  const envelopes = new docusign.EnvelopesApi(client);
  const definition = docusign.EnvelopeDefinition.constructFromObject({
    emailSubject: 'Please sign', status: 'sent',
    documents: [{ documentId: '1', name: 'a.pdf', documentBase64: Buffer.from('%PDF-1.4 small').toString('base64') }],
    recipients: { signers: [{ email: 'signer@example.com', name: 'Sam Signer', recipientId: '1' }] },
  });
  const created = await call((done) => envelopes.createEnvelope(account.accountId, { envelopeDefinition: definition }, done));
  const read = await call((done) => envelopes.getEnvelope(account.accountId, created.envelopeId, null, done));
  const pdf = await call((done) => envelopes.getDocument(account.accountId, created.envelopeId, 'combined', null, done));
  console.log(JSON.stringify({ baseUrl: account.baseUrl, apiPassword: login.apiPassword, envelopeId: created.envelopeId, status: read.status, pdf: Buffer.from(pdf, 'binary').slice(0, 4).toString() }));
})().catch((e) => { console.error(e.message); process.exit(1); });
