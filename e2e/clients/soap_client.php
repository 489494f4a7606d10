<?php
// An old program on PHP's SoapClient: log in, send an envelope with a PDF, ask for its status and its PDF.
//
// Arguments: origin, user name with the integrator key in brackets, password, account, SOAP version (1.1 or 1.2),
// CA file or "", proxy (host:port) or "", "gzip" to compress requests. Prints one JSON line.
[, $origin, $username, $password, $account, $version, $ca, $proxy] = $argv;

$options = [
    'soap_version' => $version === '1.2' ? SOAP_1_2 : SOAP_1_1,
    'cache_wsdl' => WSDL_CACHE_NONE,
    'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
    'keep_alive' => false,
];
if ($ca !== '') {
    $options['stream_context'] = stream_context_create(['ssl' => ['cafile' => $ca]]);
}
if ($proxy !== '') {
    [$host, $port] = explode(':', $proxy);
    $options += ['proxy_host' => $host, 'proxy_port' => (int) $port];
}
if (($argv[8] ?? '') === 'gzip') {
    $options['compression'] = SOAP_COMPRESSION_ACCEPT | SOAP_COMPRESSION_GZIP | 5;
}

// security is what people paste from the net: a token with neither nonce nor password type.
function security(string $username, string $password): SoapHeader
{
    $wsse = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd';
    $text = fn (string $s): string => htmlspecialchars($s, ENT_XML1);
    $xml = "<wsse:Security xmlns:wsse=\"$wsse\"><wsse:UsernameToken><wsse:Username>{$text($username)}</wsse:Username>"
        . "<wsse:Password>{$text($password)}</wsse:Password></wsse:UsernameToken></wsse:Security>";
    return new SoapHeader($wsse, 'Security', new SoapVar($xml, XSD_ANYXML), true);
}

$login = (new SoapClient("$origin/api/3.0/credential.asmx?WSDL", $options))
    ->Login(['Email' => $username, 'Password' => $password, 'ReturnBaseUrl' => true])->LoginResult;
if (!$login->Success) {
    fwrite(STDERR, "login failed: $login->ErrorCode\n");
    exit(1);
}
$accounts = array_column($login->Accounts->Account, 'BaseUrl', 'AccountID');
$base = $accounts[$account];

$api = new SoapClient("$base/dsapi.asmx?WSDL", $options);
$api->__setSoapHeaders([security($username, $password)]);
$sent = $api->CreateAndSendEnvelope(['Envelope' => [
    'AccountId' => $account, 'Subject' => 'Please sign & return', 'EmailBlurb' => '',
    'Documents' => ['Document' => [['ID' => 1, 'Name' => 'a.pdf', 'PDFBytes' => '%PDF-1.4 small']]],
    'Recipients' => ['Recipient' => [['ID' => 1, 'UserName' => 'Sam Signer', 'Email' => 'signer@example.com', 'Type' => 'Signer', 'RequireIDLookup' => false]]],
]])->CreateAndSendEnvelopeResult;
$status = $api->RequestStatus(['EnvelopeID' => $sent->EnvelopeID])->RequestStatusResult;
$pdf = $api->RequestPDF(['EnvelopeID' => $sent->EnvelopeID])->RequestPDFResult;

$api->__setSoapHeaders([security($username, 'wrong')]);
try {
    $api->RequestStatus(['EnvelopeID' => $sent->EnvelopeID]);
    $fault = 'none';
} catch (SoapFault $e) {
    $fault = $e->getMessage();
}
echo json_encode([
    'baseUrl' => $base, 'envelopeId' => $sent->EnvelopeID, 'status' => $status->Status, 'pdf' => substr($pdf->PDFBytes, 0, 4), 'fault' => $fault,
]), "\n";
