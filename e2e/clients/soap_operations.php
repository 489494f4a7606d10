<?php
// An old program on PHP's SoapClient that does what most SOAP programs do: log in, send an envelope with a PDF, ask for its
// status, get the address where the signer signs, fetch the PDFs, void the envelope, ask for one that there is not.
//
// Arguments: origin, user name with the integrator key in brackets, password. Prints one JSON line.
[, $origin, $username, $password] = $argv;

$options = ['cache_wsdl' => WSDL_CACHE_NONE, 'features' => SOAP_SINGLE_ELEMENT_ARRAYS, 'keep_alive' => false];
$login = (new SoapClient("$origin/api/3.0/credential.asmx?WSDL", $options))
    ->Login(['Email' => $username, 'Password' => $password, 'ReturnBaseUrl' => true])->LoginResult;
if (!$login->Success) {
    fwrite(STDERR, "login failed: $login->ErrorCode\n");
    exit(1);
}
$account = $login->Accounts->Account[0];

$wsse = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd';
$text = fn (string $s): string => htmlspecialchars($s, ENT_XML1);
$token = "<wsse:Security xmlns:wsse=\"$wsse\"><wsse:UsernameToken><wsse:Username>{$text($username)}</wsse:Username>"
    . "<wsse:Password>{$text($password)}</wsse:Password></wsse:UsernameToken></wsse:Security>";
$api = new SoapClient("$account->BaseUrl/api.asmx?WSDL", $options);
$api->__setSoapHeaders([new SoapHeader($wsse, 'Security', new SoapVar($token, XSD_ANYXML), true)]);

$sent = $api->CreateAndSendEnvelope(['Envelope' => [
    'AccountId' => $account->AccountID, 'Subject' => 'Please sign & return', 'EmailBlurb' => '',
    'Documents' => ['Document' => [['ID' => 1, 'Name' => 'a.pdf', 'PDFBytes' => '%PDF-1.4 small', 'FileExtension' => 'pdf']]],
    'Recipients' => ['Recipient' => [[
        'ID' => 1, 'UserName' => 'Cora Signer', 'Email' => 'cora@example.com', 'Type' => 'Signer', 'AccessCode' => '',
        'RequireIDLookup' => false, 'CaptiveInfo' => ['ClientUserId' => 'cora-1'], 'RoutingOrder' => 1,
    ]]],
    'Tabs' => ['Tab' => [
        ['DocumentID' => 1, 'RecipientID' => 1, 'PageNumber' => 1, 'XPosition' => 100, 'YPosition' => 200, 'Type' => 'SignHere'],
    ]],
]])->CreateAndSendEnvelopeResult;
$status = $api->RequestStatus(['EnvelopeID' => $sent->EnvelopeID])->RequestStatusResult;
$urls = [];
foreach (['OnSigningComplete', 'OnViewingComplete', 'OnCancel', 'OnDecline', 'OnSessionTimeout', 'OnTTLExpired', 'OnException',
    'OnAccessCodeFailed', 'OnIdCheckFailed', 'OnFaxPending'] as $end) {
    $urls[$end] = "https://crm.example.com/back?end=$end";
}
$address = $api->RequestRecipientToken([
    'EnvelopeID' => $sent->EnvelopeID, 'ClientUserID' => 'cora-1', 'Username' => 'Cora Signer', 'Email' => 'cora@example.com',
    'AuthenticationAssertion' => [
        'AssertionID' => 'a1', 'AuthenticationInstant' => date('c'), 'AuthenticationMethod' => 'Password', 'SecurityDomain' => 'crm',
    ],
    'ClientURLs' => $urls,
])->RequestRecipientTokenResult;
$pdfs = $api->RequestDocumentPDFs(['EnvelopeID' => $sent->EnvelopeID])->RequestDocumentPDFsResult->DocumentPDF;
$voided = $api->VoidEnvelope(['EnvelopeID' => $sent->EnvelopeID, 'Reason' => 'a mistake'])->VoidEnvelopeResult;
try {
    $api->RequestStatus(['EnvelopeID' => 'c0ffee00-0000-4000-8000-000000000001']);
    $fault = 'none';
} catch (SoapFault $e) {
    $fault = $e->getMessage();
}
echo json_encode([
    'account' => $account->AccountID, 'envelopeId' => $sent->EnvelopeID, 'sent' => $sent->Status, 'status' => $status->Status,
    'recipient' => $status->RecipientStatuses->RecipientStatus[0]->UserName, 'created' => $status->Created, 'address' => $address,
    'documents' => array_column($pdfs, 'Name'), 'pdf' => substr($pdfs[0]->PDFBytes, 0, 4), 'voided' => $voided->VoidSuccess,
    'fault' => $fault,
]), "\n";
