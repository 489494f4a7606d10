package sandbox

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"docusign-auth-proxy/internal/services"
)

// operation answers one SOAP operation with the members of its Response element.
type operation func(*soapCall) (sequence, *soapFault)

// soapService is one .asmx end point with the operations that the sandbox carries out.
type soapService struct {
	*services.Service
	ops map[string]operation
}

func soapServices() []*soapService {
	var list []*soapService
	for _, s := range services.All() {
		service := &soapService{s, envelopeOperations()}
		switch s.Reads {
		case services.Body:
			service.ops = credentialOperations()
		case services.Header:
			service.ops = managementOperations()
		}
		list = append(list, service)
	}
	return list
}

// soapFault is a fault, or a failure told inside a good answer where the service does so (PROTOCOL.md §9).
type soapFault struct {
	server bool // the fault is the server's, not the sender's
	name   string
	reason string
}

func fault(name string) *soapFault {
	f := &soapFault{name: name}
	switch name {
	case "User_Authentication_Failed":
		f.reason = sentence("USER_AUTHENTICATION_FAILED")
	case "Partner_Authentication_Failed":
		f.reason = sentence("PARTNER_AUTHENTICATION_FAILED")
	case "User_Lacks_Membership":
		f.reason = sentence("USER_LACKS_MEMBERSHIP")
	case "User_Lacks_Permissions":
		f.reason = "This User lacks sufficient permissions."
	case "Envelope_Does_Not_Exist":
		f.reason = sentence("ENVELOPE_DOES_NOT_EXIST")
	case "Account_Does_Not_Exist_In_System":
		f.reason = "The specified Account does not exist."
	case "Envelope_Cannot_Void_Invalid_State":
		f.reason = sentence("ENVELOPE_CANNOT_VOID_INVALID_STATE")
	case "Authorization_Invalid_Token":
		f.reason = sentence("AUTHORIZATION_INVALID_TOKEN")
	}
	return f
}

func (f *soapFault) with(reason string) *soapFault {
	f.reason = strings.TrimSpace(f.reason + " " + reason)
	return f
}

// number is the error number where one is known, and the name elsewhere.
func (f *soapFault) number() string {
	switch f.name {
	case "Partner_Authentication_Failed":
		return "3"
	case "Account_Lacks_Permissions":
		return "111"
	case "Hourly_API_Invocation_Limit_Exceeded":
		return "207"
	}
	return f.name
}

// soapCall is one SOAP request.
type soapCall struct {
	s       *Sandbox
	w       http.ResponseWriter
	r       *http.Request
	site    string
	service *soapService
	msg     soapMessage
	user    User // who is acted for
	key     string
}

// serveSOAP answers for the .asmx services and their WSDLs. Paths have no case.
func (s *Sandbox) serveSOAP(w http.ResponseWriter, r *http.Request, site string) {
	path := strings.ToLower(r.URL.Path)
	for _, service := range s.services {
		schema := service.WSDLPath != "" && path == service.WSDLPath
		if path != service.Path && !schema {
			continue
		}
		(&restCall{s: s, w: w, r: r}).commonHeaders()
		c := &soapCall{s: s, w: w, r: r, site: site, service: service}
		switch {
		case r.Method == http.MethodPost && !schema:
			c.serve()
		case r.Method == http.MethodGet:
			s.countPath(r.Method, site, path)
			c.describe(schema)
		default:
			w.Header().Set("Allow", "GET, POST")
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		return
	}
	s.countPath(r.Method, site, "unknown")
	w.WriteHeader(http.StatusNotFound)
}

// describe sends the WSDL with this site's address, or a page that points at it.
func (c *soapCall) describe(schema bool) {
	if legacy := c.s.countLegacyHeaders(c.r); legacy {
		c.w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if !schema && !strings.EqualFold(c.r.URL.RawQuery, "wsdl") {
		writeBody(c.w, c.r, http.StatusOK, "text/html; charset=utf-8", []byte("<!DOCTYPE html><html><body><a href=\"?WSDL\">Service Description</a></body></html>\r\n"))
		return
	}
	var body bytes.Buffer
	if err := c.service.WriteWSDL(&body, c.address()); err != nil {
		panic(err) // the template is a constant
	}
	writeBody(c.w, c.r, http.StatusOK, "text/xml; charset=utf-8", body.Bytes())
}

func (c *soapCall) address() string { return c.s.origin(c.site) + c.service.Path }

func (c *soapCall) serve() {
	msg, err := readMessage(c.r, c.s.opts.MaxBody)
	c.msg = msg
	c.s.countPath("POST", c.site, c.service.Path+" "+c.knownName())
	if err != nil {
		c.countUnread()
		c.refuse(c.unreadable(err))
		return
	}
	denied := c.authenticate()
	unknown := c.checkOperation()
	if unknown != nil {
		c.refuse(unknown)
		return
	}
	if denied != nil {
		c.deny(denied)
		return
	}
	run, implemented := c.service.ops[c.msg.operation]
	if !implemented {
		c.refuse(&soapFault{server: true, name: "Unspecified_Error", reason: "The sandbox does not know the operation " + c.msg.operation + "."})
		return
	}
	result, failed := run(c)
	if failed != nil {
		c.deny(failed)
		return
	}
	c.s.counts.add(func(n *Counts) { n.SOAP++ })
	c.answer(result)
}

// knownName keeps the names that are counted bounded.
func (c *soapCall) knownName() string {
	if c.service.Has(c.msg.operation) {
		return c.msg.operation
	}
	return "unknown"
}

// countUnread counts the credentials of a message that could not be read to its end.
func (c *soapCall) countUnread() {
	c.s.countLegacyHeaders(c.r)
	c.s.counts.add(func(n *Counts) {
		if c.msg.token != nil {
			n.Legacy.WSSecurity++
		}
		if c.takesBody() && c.msg.operation != "" {
			n.Legacy.Body++
		}
	})
}

// takesBody tells whether the operation's credential is in the body.
func (c *soapCall) takesBody() bool {
	return c.service.Reads == services.Body && c.msg.operation != "Ping"
}

func (c *soapCall) unreadable(err error) *soapFault {
	if errors.Is(err, errVersion) {
		return &soapFault{name: "VersionMismatch", reason: err.Error()}
	}
	if errors.Is(err, errMustUnderstand) {
		return &soapFault{name: "MustUnderstand", reason: err.Error()}
	}
	return &soapFault{name: "Server was unable to read request.", reason: err.Error()}
}

// checkOperation wants the namespace of the service, an operation of its WSDL and an action that agrees.
func (c *soapCall) checkOperation() *soapFault {
	want := c.service.Action(c.msg.operation)
	action, given := c.action()
	agrees := action == want || !given && c.msg.version == soap12
	if c.msg.namespace == c.service.Namespace && c.service.Has(c.msg.operation) && agrees {
		return nil
	}
	return &soapFault{name: "Server did not recognize the value of HTTP Header SOAPAction: " + action + ".", reason: "Unknown operation, namespace or action."}
}

// action is the SOAPAction header; SOAP 1.2 has it as a parameter, and where it has none the header is not looked at.
func (c *soapCall) action() (string, bool) {
	if c.msg.version == soap12 {
		_, params, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
		action, given := params["action"]
		return action, given
	}
	return strings.Trim(c.r.Header.Get("SOAPAction"), `" `), c.r.Header.Get("SOAPAction") != ""
}

// credential is a user name and password in any of the shapes SOAP knows (PROTOCOL.md §4.3).
type credential struct {
	username, password, key, onBehalfOf string
	digest                              bool
	count                               func(*Legacy)
}

// authenticate takes App Passwords and access tokens. Every other password is counted as legacy and refused.
func (c *soapCall) authenticate() *soapFault {
	if len(c.r.Header["X-Docusign-Act-As-User"]) > 0 {
		c.s.counts.add(func(n *Counts) { n.Legacy.ActAs++ })
		return fault("User_Lacks_Permissions")
	}
	given, denied := c.credentials()
	for _, cred := range given {
		if f := c.check(cred); f != nil && denied == nil {
			denied = f
		}
	}
	switch {
	case denied != nil || len(given) > 0:
		return denied
	case len(c.r.Header["Authorization"]) > 0:
		return c.checkBearer()
	case c.msg.operation == "Ping":
		return nil
	}
	return fault("Partner_Authentication_Failed").with("An Integrator key was not specified.")
}

// credentials lists what the request presents in the place where this service reads it (PROTOCOL.md §4.3). What stands elsewhere is
// counted and otherwise overlooked.
func (c *soapCall) credentials() ([]credential, *soapFault) {
	var given []credential
	var denied *soapFault
	values := c.r.Header["X-Docusign-Authentication"]
	reads := c.service.Reads
	readsHeader := reads == services.Header || reads == services.HeaderOrToken
	readsToken := reads == services.UsernameToken || reads == services.HeaderOrToken && len(values) == 0
	if len(values) > 0 && !readsHeader {
		c.s.counts.add(func(n *Counts) { n.Legacy.Header++ })
	}
	if c.msg.token != nil && !readsToken {
		c.s.counts.add(func(n *Counts) { n.Legacy.WSSecurity++ })
	}
	if len(values) > 0 && readsHeader {
		cred, ok := headerCredential(values[0])
		if !ok || len(values) > 1 {
			denied = &soapFault{name: "Invalid_Token_Format", reason: "The security token format does not conform to expected schema."}
		}
		given = append(given, cred)
	}
	if t := c.msg.token; t != nil && readsToken {
		given = append(given, credential{username: t.username, password: t.password, digest: t.digest, count: func(l *Legacy) { l.WSSecurity++ }})
	}
	_, asksEmail := c.msg.fields["Email"]
	if c.takesBody() && (c.msg.fields["Password"] != "" || asksEmail && len(c.r.Header["Authorization"]) == 0) {
		given = append(given, credential{username: c.msg.fields["Email"], password: c.msg.fields["Password"], count: func(l *Legacy) { l.Body++ }})
	}
	return given, denied
}

// headerCredential reads the X-DocuSign-Authentication header, strictly.
func headerCredential(value string) (credential, bool) {
	var h struct {
		XMLName                                           xml.Name `json:"-"`
		Username, Password, IntegratorKey, SendOnBehalfOf string
	}
	var err error
	if strings.HasPrefix(strings.TrimSpace(value), "{") {
		err = json.Unmarshal([]byte(value), &h)
	} else if err = xml.Unmarshal([]byte(value), &h); err == nil && h.XMLName.Local != "DocuSignCredentials" {
		err = errors.New("not DocuSignCredentials")
	}
	return credential{
		username: h.Username, password: h.Password, key: h.IntegratorKey, onBehalfOf: h.SendOnBehalfOf, count: func(l *Legacy) { l.Header++ },
	}, err == nil
}

// split takes the brackets off a user name: "[key]user", "[key][principal]user", or "[principal]user" beside a key.
func (cred *credential) split() {
	for {
		name := strings.TrimSpace(cred.username)
		inner, rest, ok := strings.Cut(strings.TrimPrefix(name, "["), "]")
		if !strings.HasPrefix(name, "[") || !ok {
			cred.username = name
			return
		}
		if cred.key == "" {
			cred.key = strings.TrimSpace(inner)
		} else {
			cred.onBehalfOf = strings.TrimSpace(inner)
		}
		cred.username = rest
	}
}

func (c *soapCall) check(cred credential) *soapFault {
	cred.split()
	c.s.mu.Lock()
	user, known := c.s.dir.user(cred.username)
	principal, resolved := c.s.dir.user(cred.onBehalfOf)
	integration, registered := c.s.dir.integration(cred.key)
	c.s.mu.Unlock()
	if cred.digest || !known || user.AppPassword == "" || cred.password != user.AppPassword {
		c.s.counts.add(func(n *Counts) { cred.count(&n.Legacy) })
		return fault("User_Authentication_Failed")
	}
	if !registered {
		return fault("Partner_Authentication_Failed")
	}
	if cred.onBehalfOf != "" && (!user.Admin || !resolved) {
		return fault("User_Lacks_Permissions").with("Failed to resolve SendOnBehalfOf user")
	}
	c.user, c.key = user, integration.Key
	if cred.onBehalfOf != "" {
		c.user = principal
	}
	return nil
}

func (c *soapCall) checkBearer() *soapFault {
	token, refused := c.s.bearer(c.r)
	if refused.code != "" || c.s.settings().noSOAPBearer {
		return fault("Authorization_Invalid_Token")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	user, known := c.s.dir.user(token.user)
	if !known || !token.allows("signature") {
		return fault("Authorization_Invalid_Token")
	}
	c.user, c.key = user, token.key
	return nil
}

// deny tells a failure the service's way: inside a good answer where the WSDL has a place for it, else as a fault.
func (c *soapCall) deny(f *soapFault) {
	result := c.failedResult(f)
	if result == nil {
		c.refuse(f)
		return
	}
	c.s.counts.add(func(n *Counts) { n.SOAPRefused[f.name]++ })
	c.answer(result)
}

func (c *soapCall) failedResult(f *soapFault) sequence {
	switch {
	case c.service.Reads == services.Body && c.msg.operation == "Login":
		return sequence{{"LoginResult", loginFailure(f)}}
	case c.service.Reads == services.Header && c.msg.operation != "Ping":
		if _, implemented := c.service.ops[c.msg.operation]; implemented {
			return sequence{{c.msg.operation + "Result", managementFailure(f)}}
		}
	}
	return nil
}

func (c *soapCall) refuse(f *soapFault) {
	c.s.counts.add(func(n *Counts) { n.SOAPRefused[f.name]++ })
	c.write(http.StatusInternalServerError, f.envelope(c.version(), c.address()))
}

// version is the envelope's; before one was read it is guessed from the content type.
func (c *soapCall) version() string {
	if c.msg.version == "" && strings.HasPrefix(strings.ToLower(c.r.Header.Get("Content-Type")), "application/soap+xml") {
		return soap12
	}
	if c.msg.version == soap12 {
		return soap12
	}
	return soap11
}

func (c *soapCall) answer(result sequence) {
	b := openEnvelope(c.version())
	if c.msg.timestamp {
		b = appendTimestamp(b, c.s.now())
	}
	b = append(b, "<soap:Body><"+c.msg.operation+`Response xmlns="`+c.service.Namespace+`">`...)
	for _, m := range result {
		b = appendXML(b, m.name, m.value)
	}
	b = append(b, "</"+c.msg.operation+"Response></soap:Body></soap:Envelope>"...)
	c.write(http.StatusOK, b)
}

func (c *soapCall) write(status int, body []byte) {
	contentType := "text/xml; charset=utf-8"
	if c.version() == soap12 {
		contentType = "application/soap+xml; charset=utf-8"
	}
	writeBody(c.w, c.r, status, contentType, body)
}

func openEnvelope(version string) []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="` + version +
		`" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">`)
}

// appendTimestamp answers a Timestamp with one; WCF looks for it (PROTOCOL.md §4.4).
func appendTimestamp(b []byte, now time.Time) []byte {
	const form = "2006-01-02T15:04:05Z"
	return append(b, `<soap:Header><wsse:Security xmlns:wsse="`+wsse+`" xmlns:wsu="`+wsu+`"><wsu:Timestamp><wsu:Created>`+now.UTC().Format(form)+
		`</wsu:Created><wsu:Expires>`+now.UTC().Add(5*time.Minute).Format(form)+`</wsu:Expires></wsu:Timestamp></wsse:Security></soap:Header>`...)
}

// envelope is the layout of PROTOCOL.md §9.
func (f *soapFault) envelope(version, actor string) []byte {
	b := append(openEnvelope(version), "<soap:Body><soap:Fault>"...)
	code, detail := f.code(version), sequence{{"ErrorCode", f.number()}, {"Reason", f.reason}}
	if version == soap12 {
		b = append(b, `<soap:Code><soap:Value>soap:`+code+`</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang="en">`+escapeXML(f.name)+`</soap:Text></soap:Reason>`...)
		b = appendXML(b, "soap:Detail", detail)
	} else {
		b = append(b, "<faultcode>soap:"+code+"</faultcode>"...)
		b = appendXML(b, "faultstring", f.name)
		b = appendXML(b, "faultactor", actor)
		b = appendXML(b, "detail", detail)
	}
	return append(b, "</soap:Fault></soap:Body></soap:Envelope>"...)
}

func (f *soapFault) code(version string) string {
	switch {
	case f.name == "VersionMismatch" || f.name == "MustUnderstand":
		return f.name
	case f.server && version == soap12:
		return "Receiver"
	case f.server:
		return "Server"
	case version == soap12:
		return "Sender"
	}
	return "Client"
}
