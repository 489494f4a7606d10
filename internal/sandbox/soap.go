package sandbox

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/asmx"
	"docusign-auth-proxy/internal/sandbox/message"
	"docusign-auth-proxy/internal/services"
)

// soapRequest is one SOAP request.
type soapRequest struct {
	call
	service *services.Service
	msg     message.SOAP
}

// soap answers for the .asmx services and their WSDLs. Paths have no case.
func (r request) soap() answer {
	service, isWSDL := services.ByPath(r.URL.Path), false
	if service == nil {
		service, isWSDL = services.ByWSDLPath(r.URL.Path), true
	}
	if service == nil {
		return empty(http.StatusNotFound)
	}
	r.commonHeaders()
	c := &soapRequest{call: call{request: r}, service: service}
	switch {
	case r.Method == http.MethodPost && !isWSDL:
		return c.serve()
	case r.Method == http.MethodGet:
		return c.describe(isWSDL || strings.EqualFold(r.URL.RawQuery, "wsdl"))
	}
	return onlyMethod(r.header, "GET, POST")
}

// describe sends the WSDL with this site's address, or a page that points at it.
func (c *soapRequest) describe(wsdl bool) answer {
	if c.countLegacyHeaders() {
		return empty(http.StatusUnauthorized)
	}
	if !wsdl {
		return page("<!DOCTYPE html><html><body><a href=\"?WSDL\">Service Description</a></body></html>\r\n")
	}
	var body bytes.Buffer
	if err := c.service.WriteWSDL(&body, c.address()); err != nil {
		panic(err) // the template is a constant
	}
	return answer{status: http.StatusOK, contentType: "text/xml; charset=utf-8", body: body.Bytes()}
}

func (c *soapRequest) address() string { return c.origin(c.host) + c.service.Path }

func (c *soapRequest) serve() answer {
	var unreadable error
	c.msg, unreadable = message.ReadSOAP(c.Request, c.opts.maxBody)
	if unreadable != nil {
		c.countUnread()
		e := &apiError{code: "Server was unable to read request.", message: unreadable.Error()}
		if named, ok := errors.AsType[*message.Error](unreadable); ok {
			e.code = named.Fault
		}
		return c.refuse(e)
	}
	denied := c.authenticate()
	if !c.recognised() {
		action, _ := c.action()
		return c.refuse(&apiError{
			code:    "Server did not recognize the value of HTTP Header SOAPAction: " + action + ".",
			message: "Unknown operation, namespace or action.",
		})
	}
	if denied != nil {
		return c.deny(denied)
	}
	do, known := operations()[c.msg.Operation]
	if !known {
		return c.refuse(&apiError{
			code: "Unspecified_Error", message: "The sandbox does not know the operation " + c.msg.Operation + ".",
		})
	}
	if err := asmx.Check(c.service, &c.msg); err != nil {
		return c.refuse(&apiError{code: err.Error()})
	}
	result, denied := do(c)
	if denied != nil {
		return c.deny(denied)
	}
	c.count(func(n *Counts) { n.SOAP++ })
	return c.good(result)
}

// countUnread counts the credentials of a message that could not be read to its end.
func (c *soapRequest) countUnread() {
	c.countLegacyHeaders()
	c.count(func(n *Counts) {
		if c.msg.Token != nil {
			n.Legacy.WSSecurity++
		}
		if c.takesBody() && c.msg.Operation != "" {
			n.Legacy.Body++
		}
	})
}

// recognised wants the namespace of the service, an operation of its WSDL and an action that agrees.
func (c *soapRequest) recognised() bool {
	action, given := c.action()
	agrees := action == c.service.Action(c.msg.Operation) || !given && c.msg.Version == message.SOAP12
	return c.msg.Namespace == c.service.Namespace && c.service.Has(c.msg.Operation) && agrees
}

// action is the SOAPAction header; SOAP 1.2 has it as a parameter, and where it has none the header is not looked at.
func (c *soapRequest) action() (string, bool) {
	if c.msg.Version == message.SOAP12 {
		_, params, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
		action, given := params["action"]
		return action, given
	}
	header := c.Header.Get("SOAPAction")
	return strings.Trim(header, `" `), header != ""
}

// lacksPermissions has another sentence than in REST.
func lacksPermissions(detail string) *apiError {
	return &apiError{code: "User_Lacks_Permissions", message: "This User lacks sufficient permissions." + detail}
}

// faultName is the name of an error in SOAP: that of REST in another case, but for those that only SOAP has.
func (e *apiError) faultName() string {
	if e.code != strings.ToUpper(e.code) {
		return e.code
	}
	words := strings.Split(strings.Replace(strings.ToLower(e.code), "apiinvocation", "API_invocation", 1), "_")
	for i, word := range words {
		words[i] = title(word)
	}
	return strings.Join(words, "_")
}

func faultCode(name string, soap12 bool) string {
	code, in12 := "Client", "Sender"
	switch name {
	case "VersionMismatch", "MustUnderstand":
		code, in12 = name, name
	case "Unspecified_Error":
		code, in12 = "Server", "Receiver"
	}
	if soap12 {
		code = in12
	}
	return "soap:" + code
}

// deny tells a failure the service's way: inside a good answer where the WSDL has a place for it, else as a fault.
func (c *soapRequest) deny(e *apiError) answer {
	_, known := operations()[c.msg.Operation]
	name := e.faultName()
	var failure asmx.Fields
	switch reads := c.service.Reads; {
	case reads == services.Body && c.msg.Operation == "Login":
		failure = asmx.Fields{"Success": false, "ErrorCode": name, "AuthenticationMessage": e.message}
		if name != "User_Authentication_Failed" && name != "User_Lacks_Permissions" {
			failure["ErrorCode"] = "Unspecified_Error"
		}
	case reads == services.Header && c.msg.Operation != "Ping" && known:
		failure = asmx.Fields{"Success": false, "Error": asmx.Fields{
			"ErrorCode": managementCode(name), "Description": e.message,
		}}
	default:
		return c.refuse(e)
	}
	c.count(func(n *Counts) { increase(&n.SOAPRefused, name) })
	return c.good(failure)
}

// managementCode fits a fault into the codes that the WSDL allows.
func managementCode(name string) string {
	switch name {
	case "User_Authentication_Failed", "Authorization_Invalid_Token":
		return "Invalid_Login"
	case "Partner_Authentication_Failed":
		return name
	case "User_Lacks_Permissions":
		return "Not_Authorized"
	}
	return "Unspecified_Error"
}

// isSOAP12 goes by the envelope; before one was read it is guessed from the content type.
func (c *soapRequest) isSOAP12() bool {
	guess := strings.HasPrefix(strings.ToLower(c.Header.Get("Content-Type")), "application/soap+xml")
	return c.msg.Version == message.SOAP12 || c.msg.Version == "" && guess
}

// faultNumber is that of a name, as far as one is known (SOAP-REST.md §5.2).
func faultNumber(name string) string {
	switch name {
	case "Partner_Authentication_Failed":
		return "3"
	case "Account_Lacks_Permissions":
		return "111"
	case "Hourly_API_Invocation_Limit_Exceeded":
		return "207"
	}
	return "1"
}

// refuse sends a fault in the layout of PROTOCOL.md §9; what breaks the schema has no detail (SOAP-REST.md §5.2).
func (c *soapRequest) refuse(e *apiError) answer {
	name, layout := e.faultName(), "fault11"
	c.count(func(n *Counts) { increase(&n.SOAPRefused, name) })
	if c.isSOAP12() {
		layout = "fault12"
	}
	fault := map[string]string{"Code": faultCode(name, c.isSOAP12()), "Name": name}
	if !strings.HasPrefix(name, "Validation error: ") {
		fault["Number"], fault["Reason"] = faultNumber(name), e.message
	}
	body := c.written(layout, fault)
	c.header.Set("Cache-Control", "private")
	head, tail := c.wrap("http://schemas.xmlsoap.org/ws/2004/08/addressing/fault")
	return answer{status: http.StatusInternalServerError, contentType: c.contentType(), body: []byte(head + body + tail)}
}

// good sends the result of an operation.
func (c *soapRequest) good(result any) answer {
	c.header.Set("Cache-Control", "private, max-age=0")
	head, tail := c.wrap(c.service.Action(c.msg.Operation) + "Response")
	body := asmx.Write(c.service, c.msg.Operation, result)
	if body.Length < keepBody {
		inner, _ := io.ReadAll(body) // it is in memory
		whole := slices.Concat([]byte(head), inner, []byte(tail))
		return answer{status: http.StatusOK, contentType: c.contentType(), body: whole}
	}
	whole := io.MultiReader(strings.NewReader(head), body, strings.NewReader(tail))
	return streamed(c.contentType(), int64(len(head)+len(tail))+body.Length, whole)
}

// wrap is what stands around an answer. api.asmx has the recorded header always, the others a Timestamp for those who
// sent one (SOAP-REST.md §2.0): WCF looks for it (PROTOCOL.md §4.4).
func (c *soapRequest) wrap(action string) (head, tail string) {
	const form = "2006-01-02T15:04:05Z"
	now, version := c.now().UTC(), message.SOAP11
	if c.isSOAP12() {
		version = message.SOAP12
	}
	values := map[string]string{
		"Version": version, "Created": now.Format(form), "Expires": now.Add(5 * time.Minute).Format(form), "Action": action,
		"Message": newGUID(), "Relates": newGUID(), "Stamp": newGUID(), "Header": "",
	}
	switch {
	case c.service.API == "soap_api":
		values["Header"] = c.written("recorded", values)
	case c.msg.Timestamp:
		values["Header"] = c.written("timestamp", values)
	}
	head, tail, _ = strings.Cut(c.written("soap", values), "|")
	return head, tail
}

func (c *soapRequest) contentType() string {
	if c.isSOAP12() {
		return "application/soap+xml; charset=utf-8"
	}
	return "text/xml; charset=utf-8"
}
