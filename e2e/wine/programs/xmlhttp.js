// cscript xmlhttp.js CLASS URL HEADER: an old program's call as VB6 and classic ASP make it; prints status and answer.
// The proxy is what the machine's settings say.
try {
  var call = new ActiveXObject(WScript.Arguments.Item(0));
  call.Open("GET", WScript.Arguments.Item(1), false);
  call.SetRequestHeader("X-DocuSign-Authentication", WScript.Arguments.Item(2));
  call.Send();
  WScript.Echo(call.Status + "\n" + call.ResponseText);
} catch (e) {
  WScript.Echo("error " + (e.number >>> 0).toString(16) + " " + e.message);
}
