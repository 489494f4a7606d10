package soap

import (
	"bytes"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

// field is an element with content that can be replaced.
type field struct {
	open, close int // after the '>' of the start tag; where the end tag starts
	name        span
	empty       bool   // an empty-element tag
	text        []byte // decoded
}

// role is what an element is in the envelope.
type role uint8

const (
	roleOther role = iota
	roleHeader
	roleBody
	roleSecurity
	roleToken // the UsernameToken that is read
)

// walk follows the elements of an envelope up to the first element in Body. A refusal that leaves the structure
// readable is noted and the walk goes on: the version and the operation are wanted for the fault.
type walk struct {
	m        *Message
	s        *scanner
	refusal  *Error
	children int    // of the Security header at hand, so far
	current  *field // whose text is being read
	login    *Login // the credential so far
	ended    bool
}

func (w *walk) refuse(k Kind, offset int, detail string) {
	if w.refusal == nil && !w.m.answer {
		w.refusal = refuse(k, offset, detail)
	}
}

// run reads to the end of the header region, or of the message if its body is the credential.
func (w *walk) run() {
	for !w.ended {
		switch w.s.next() {
		case Start:
			w.start(w.s.top(), len(w.s.stack))
		case End:
			w.finish(&w.s.closed, len(w.s.stack)+1)
		case Text:
			if w.current != nil {
				w.current.text = append(w.current.text, w.s.decode(w.s.text, w.s.as)...)
			}
		case EOF:
			w.ended = true
		}
	}
	if w.m.Token != nil && w.m.covers(w.m.tokenRange) {
		w.refuse(KindSigned, w.m.tokenRange.start, "a signature covers the UsernameToken, or is made with it: "+
			"the credential cannot be changed without breaking it")
	}
}

func (w *walk) start(el *element, depth int) {
	switch {
	case depth == 1:
		w.envelope(el)
	case depth == 2:
		w.section(el)
	case w.s.stack[1].role == roleHeader:
		w.headerElement(el, depth)
	case w.s.stack[1].role == roleBody:
		w.bodyElement(el, depth)
	default:
		w.suspect(el) // below something that follows the Body
	}
}

func (w *walk) envelope(el *element) {
	if !w.s.is(el, NamespaceSOAP11, "Envelope") && !w.s.is(el, NamespaceSOAP12, "Envelope") {
		fail(KindNotSOAP, el.start, "the root element is not the Envelope of SOAP 1.1 or 1.2")
	}
	w.m.Version, w.m.envelope = el.namespace, el.name
	w.mark(el, 1)
}

// section reads a child of Envelope.
func (w *walk) section(el *element) {
	own := el.namespace == w.s.stack[0].namespace
	switch local := string(w.s.local(el.name)); {
	case own && local == "Header":
		if w.m.header != nil || w.m.body > 0 {
			fail(KindAmbiguous, el.start, "a second Header, or one after the Body")
		}
		el.role = roleHeader
		w.m.header = w.field(el)
	case own && local == "Body":
		if w.m.body > 0 {
			fail(KindAmbiguous, el.start, "a second Body")
		}
		el.role = roleBody
		w.m.body = el.start
	case w.m.body == 0 || local == "Header" || local == "Body":
		fail(KindNotSOAP, el.start, "an element in Envelope that is neither its Header nor its Body")
	}
	w.mark(el, 2)
}

func (w *walk) headerElement(el *element, depth int) {
	w.mark(el, depth)
	w.point(el)
	if el.namespace == namespaceXEnc && string(w.s.local(el.name)) == "EncryptedData" ||
		w.s.is(el, namespaceWSSE11, "EncryptedHeader") {
		w.refuse(KindEncrypted, el.start, "an encrypted header: the proxy cannot see whether a credential is inside")
	}
	parent := w.s.stack[depth-2].role
	switch {
	case depth == 3 && w.s.is(el, namespaceWSSE, "Security"):
		el.role, w.children = roleSecurity, 0
		if !w.m.HasSecurity {
			w.m.securityOpen = w.field(el)
		}
		w.m.HasSecurity = true
	case depth == 3 && isAddressing(el.namespace) && string(w.s.local(el.name)) == "To":
		if len(w.m.to) >= 4 {
			fail(KindTooComplex, el.start, "more than four To headers")
		}
		w.m.to = append(w.m.to, w.gather(el))
	case depth == 3 && isAddressing(el.namespace) && string(w.s.local(el.name)) == "MessageID" && w.m.messageID == nil:
		w.m.messageID = w.gather(el)
	case parent == roleSecurity:
		w.securityElement(el)
	case parent == roleToken:
		w.tokenElement(el)
	case w.current != nil:
		w.refuse(KindToken, el.start, "an element inside a text that was to be read")
	case w.s.stack[2].role == roleSecurity, !w.foreign(el):
		w.suspect(el)
	}
}

// foreign reports whether an element is of somebody's own namespace: not of WS-Security in any of its versions, not of
// DocuSign's, and not without one, as a sloppy writer leaves it. A Password there is no credential of DocuSign's
// (PROTOCOL.md §4.4).
func (w *walk) foreign(el *element) bool {
	return el.namespace != "" && !strings.Contains(el.namespace, "secext") && !strings.Contains(el.namespace, "docusign")
}

// suspect refuses a password where none is read: it would go upstream in clear.
func (w *walk) suspect(el *element) {
	local := w.s.local(el.name)
	if bytes.EqualFold(local, []byte("UsernameToken")) || bytes.EqualFold(local, []byte("Password")) {
		w.refuse(KindMisplaced, el.start, "a UsernameToken or Password outside its place in the Security header")
	}
}

func (w *walk) securityElement(el *element) {
	w.children++
	switch {
	case w.s.is(el, namespaceWSU, "Timestamp"):
		w.m.HasTimestamp = true
	case !w.s.is(el, namespaceWSSE, "UsernameToken"):
		w.suspect(el)
	case w.m.Token != nil:
		w.refuse(KindAmbiguous, el.start, "a second UsernameToken")
	default:
		el.role = roleToken
		w.login = &Login{message: w.m}
		w.m.Token = w.login
		w.m.tokenRange.start = el.start
	}
}

func (w *walk) tokenElement(el *element) {
	switch {
	case w.s.is(el, namespaceWSSE, "Username"):
		w.once(&w.login.username, el)
	case w.s.is(el, namespaceWSSE, "Password"):
		w.once(&w.login.password, el)
		w.passwordType(el)
	default:
		w.suspect(el)
	}
}

// once begins to gather the text of a field that may occur once.
func (w *walk) once(f **field, el *element) {
	if *f != nil {
		w.refuse(KindAmbiguous, el.start, "two user names or two passwords in one credential")
		return
	}
	*f = w.gather(el)
}

// gather begins to gather the text of el.
func (w *walk) gather(el *element) *field {
	el.field = w.field(el)
	w.current = el.field
	return el.field
}

// field is the element whose start tag was just read.
func (w *walk) field(el *element) *field {
	return &field{open: el.open, name: el.name.span, empty: w.s.noClose}
}

// passwordType reads the attribute Type, in either case (PROTOCOL.md §4.4); absent means PasswordText.
func (w *walk) passwordType(el *element) {
	found, kind := false, ""
	for i := range w.s.attrs {
		a := &w.s.attrs[i]
		if a.declares || a.namespace != "" && a.namespace != namespaceWSSE ||
			!bytes.EqualFold(w.s.local(a.name), []byte("Type")) {
			continue
		}
		if found {
			w.refuse(KindAmbiguous, a.name.start, "two types of one password")
			continue
		}
		found, kind = true, strings.TrimSpace(w.s.value(a))
	}
	switch {
	case kind == "" || strings.HasSuffix(kind, "PasswordText"):
	case strings.HasSuffix(kind, "PasswordDigest"):
		w.refuse(KindDigest, el.start, "the client sends a PasswordDigest: it holds no clear password to check or to "+
			"replace; set the client to PasswordText")
	default:
		w.refuse(KindPasswordType, el.start, "the password is of a type other than PasswordText")
	}
}

const passwordText = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"

func (w *walk) bodyElement(el *element, depth int) {
	if w.m.Operation.Local != "" {
		w.parameter(el, depth)
		return
	}
	w.mark(el, depth)
	local := w.s.local(el.name)
	w.m.Operation = Name{el.namespace, w.s.decode(span{el.name.end - len(local), el.name.end}, asWritten)}
	if el.namespace == namespaceWSSE || bytes.EqualFold(local, []byte("UsernameToken")) {
		w.refuse(KindMisplaced, el.start, "a WS-Security element in the Body")
	}
	w.ended = !w.m.whole
	if w.m.whole {
		w.m.Credential = &CredentialBody{Login: Login{message: w.m}, fields: map[string]*field{}}
		w.login = &w.m.Credential.Login
	}
}

// finish is called for the element that has just ended, which was at depth.
func (w *walk) finish(el *element, depth int) {
	w.closeMarks(depth)
	if el.field != nil {
		w.close(el.field)
	}
	switch {
	case depth == 1 && w.m.body == 0:
		fail(KindNotSOAP, w.s.closeTag, "an envelope without a Body")
	case el.role == roleBody:
		w.ended = !w.m.whole
	case el.role == roleSecurity && w.m.Token != nil && w.m.tokenRange.start > el.start:
		w.m.security = span{el.start, w.s.pos}
		w.m.securityOnly = w.children == 1
	case el.role == roleToken:
		w.m.tokenRange.end = w.s.pos
		if w.login.username == nil {
			w.refuse(KindToken, el.start, "a UsernameToken without a Username")
		}
	}
}

// close takes the text of the field that has just ended; a password also as it is written, if it has references but no
// other markup.
func (w *walk) close(f *field) {
	m, l := w.m, w.login
	w.current, f.close = nil, w.s.closeTag
	switch {
	case len(m.to) > 0 && f == m.to[0]:
		m.To = strings.TrimSpace(string(f.text))
	case f == m.messageID:
		if id := strings.TrimSpace(string(f.text)); len(id) <= maxMessageID {
			m.MessageID = id
		}
	case l == nil:
	case f == l.username:
		l.Username, l.HasUsername = string(f.text), true
	case f == l.password:
		l.Password, l.HasPassword = secret.New(string(f.text)), true
		written := span{f.open, f.close}
		if text := w.s.slice(written); bytes.IndexByte(text, '&') >= 0 && bytes.IndexByte(text, '<') < 0 {
			l.raw = secret.New(w.s.decode(written, asWritten))
		}
	}
}
