package soap

import (
	"bytes"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

// field is an element with text that can be replaced.
type field struct {
	start, open int // of '<', and after the '>' of the start tag
	close       int // where the end tag starts; close == open for an empty-element tag
	name        span
	empty       bool
	present     bool
}

// mark is an element that a signature can refer to by an attribute like wsu:Id.
type mark struct {
	id         text
	start, end int // end is unknown (the end of the message) while it is zero
	depth      int
}

// reference is what a signature or a SecurityTokenReference points at.
type reference struct {
	id  text
	all bool // the whole document, or something that cannot be told
}

// walk follows the elements of an envelope up to the first element in Body. A refusal that leaves the structure
// readable is noted and the walk goes on: the version and the operation are wanted for the fault.
type walk struct {
	m       *Message
	s       *scanner
	refusal *Error

	inHeader, inBody    bool
	headers, bodies     int
	inSecurity, inToken bool
	securityStart       int
	securityChildren    int
	holdsToken          bool // the Security header at hand holds the token
	tokens              int
	current             *field // whose text is being read
	credential          *credentialWalk
	ended               bool
}

func (w *walk) refuse(k Kind, offset int, detail string) {
	if w.refusal == nil && !w.m.options.Answer {
		w.refusal = refuse(k, offset, detail)
	}
}

// run reads to the end of the header region, or of the message if its body is the credential.
func (w *walk) run() {
	for !w.ended {
		switch ev := w.s.next(); ev {
		case evStart:
			w.start(w.s.top(), len(w.s.stack))
		case evEnd:
			w.finish(&w.s.closed, len(w.s.stack)+1)
		case evText, evCDATA:
			if w.current != nil {
				w.s.text = w.s.appendText(w.s.text, w.s.tok, ev)
			}
		case evEOF:
			w.ended = true
		}
	}
	if w.m.Token != nil && w.s.signed(w.m.tokenRange) {
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
	case w.inHeader:
		w.headerElement(el, depth)
	case w.inBody:
		w.bodyElement(el, depth)
	default:
		w.suspect(el) // below something that follows the Body
	}
}

func (w *walk) envelope(el *element) {
	switch {
	case w.s.is(el, nsSOAP11, "Envelope"):
		w.m.Version = SOAP11
	case w.s.is(el, nsSOAP12, "Envelope"):
		w.m.Version = SOAP12
	default:
		fail(KindNotSOAP, el.start, "the root element is not the Envelope of SOAP 1.1 or 1.2")
	}
	w.m.envelopeName, w.m.prefixed = el.name, el.prefix
	w.mark(el, 1)
}

// section reads a child of Envelope.
func (w *walk) section(el *element) {
	own := el.ns == w.s.stack[0].ns
	switch local := string(w.s.local(el)); {
	case own && local == "Header":
		if w.headers++; w.headers > 1 || w.bodies > 0 {
			fail(KindAmbiguous, el.start, "a second Header, or one after the Body")
		}
		w.inHeader = true
		w.m.header = w.field(el)
	case own && local == "Body":
		if w.bodies++; w.bodies > 1 {
			fail(KindAmbiguous, el.start, "a second Body")
		}
		w.inBody = true
		w.m.body = el.start
	case w.bodies == 0 || local == "Header" || local == "Body":
		fail(KindNotSOAP, el.start, "an element in Envelope that is neither its Header nor its Body")
	}
	w.mark(el, 2)
}

func (w *walk) headerElement(el *element, depth int) {
	w.mark(el, depth)
	w.point(el)
	if el.ns == nsXEnc && string(w.s.local(el)) == "EncryptedData" || w.s.is(el, nsWSSE11, "EncryptedHeader") {
		w.refuse(KindEncrypted, el.start, "an encrypted header: the proxy cannot see whether a credential is inside")
	}
	switch {
	case depth == 3 && w.s.is(el, nsWSSE, "Security"):
		w.inSecurity, w.holdsToken = true, false
		w.securityStart, w.securityChildren = el.start, 0
		if !w.m.HasSecurity {
			w.m.securityOpen = w.field(el)
		}
		w.m.HasSecurity = true
	case depth == 3 && w.s.is(el, nsAddressing, "To"):
		w.address(el)
	case depth == 4 && w.inSecurity:
		w.securityElement(el)
	case depth == 5 && w.inToken:
		w.tokenElement(el)
	case w.current != nil:
		w.refuse(KindToken, el.start, "an element inside a text that was to be read")
	case w.inSecurity, !w.foreign(el):
		w.suspect(el)
	}
}

// foreign reports whether an element is of somebody's own namespace: not of WS-Security in any of its versions, not of
// DocuSign's, and not without one, as a sloppy writer leaves it. A Password there is no credential of DocuSign's
// (PROTOCOL.md §4.4).
func (w *walk) foreign(el *element) bool {
	if el.ns == nsNone || el.ns == nsWSSE || el.ns == nsWSSE11 {
		return false
	}
	uri := w.s.bytes(el.uri)
	return !bytes.Contains(uri, []byte("secext")) && !bytes.Contains(uri, []byte("docusign"))
}

// suspect refuses a password where none is read: it would go upstream in clear.
func (w *walk) suspect(el *element) {
	local := w.s.local(el)
	if bytes.EqualFold(local, []byte("UsernameToken")) || bytes.EqualFold(local, []byte("Password")) {
		w.refuse(KindMisplaced, el.start, "a UsernameToken or Password outside its place in the Security header")
	}
}

func (w *walk) address(el *element) {
	if len(w.m.to) >= 4 {
		fail(KindTooComplex, el.start, "more than four To headers")
	}
	w.m.to = append(w.m.to, field{})
	w.gather(&w.m.to[len(w.m.to)-1], el)
}

func (w *walk) securityElement(el *element) {
	w.securityChildren++
	switch {
	case w.s.is(el, nsWSU, "Timestamp"):
		w.m.HasTimestamp = true
	case !w.s.is(el, nsWSSE, "UsernameToken"):
		w.suspect(el)
	case w.tokens > 0:
		w.tokens++
		w.refuse(KindAmbiguous, el.start, "a second UsernameToken")
	default:
		w.tokens++
		w.inToken, w.holdsToken = true, true
		w.m.Token = &w.m.token
		w.m.tokenRange.start = el.start
	}
}

func (w *walk) tokenElement(el *element) {
	switch {
	case w.s.is(el, nsWSSE, "Username"):
		w.once(&w.m.username, el)
	case w.s.is(el, nsWSSE, "Password"):
		w.once(&w.m.password, el)
		w.passwordType(el)
	default:
		w.suspect(el)
	}
}

// once begins to gather the text of a field that may occur once.
func (w *walk) once(f *field, el *element) {
	if f.present {
		w.refuse(KindAmbiguous, el.start, "two user names or two passwords in one credential")
		return
	}
	w.gather(f, el)
}

func (w *walk) gather(f *field, el *element) {
	*f = w.field(el)
	w.current, w.s.text = f, w.s.text[:0]
}

// field is the element whose start tag was just read.
func (w *walk) field(el *element) field {
	return field{start: el.start, open: el.open, name: el.name, empty: w.s.noClose, present: true}
}

// passwordType reads the attribute Type, in either case (PROTOCOL.md §4.4); absent means PasswordText.
func (w *walk) passwordType(el *element) {
	found := false
	for i := range w.s.attrs {
		a := &w.s.attrs[i]
		local := localName(w.s.slice(a.name), a.prefix)
		if a.namespace || a.ns != nsNone && a.ns != nsWSSE || !bytes.EqualFold(local, []byte("Type")) {
			continue
		}
		if found {
			w.refuse(KindAmbiguous, a.name.start, "two types of one password")
			continue
		}
		found = true
		w.m.token.PasswordType = passwordTypeOf(bytes.TrimSpace(w.s.bytes(w.s.value(a))))
	}
	switch kind := w.m.token.PasswordType; {
	case kind == "" || strings.HasSuffix(kind, "PasswordText"):
	case strings.HasSuffix(kind, "PasswordDigest"):
		w.m.token.Digest = true
		w.refuse(KindDigest, el.start, "the client sends a PasswordDigest: it holds no clear password to check or to "+
			"replace; set the client to PasswordText")
	default:
		w.refuse(KindPasswordType, el.start, "the password is of a type other than PasswordText")
	}
}

// passwordTypeOf does not allocate for the type that nearly everybody sends.
func passwordTypeOf(value []byte) string {
	if string(value) == passwordText {
		return passwordText
	}
	return string(value)
}

const passwordText = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"

func (w *walk) bodyElement(el *element, depth int) {
	if depth > 3 || w.m.Operation.Local != "" {
		if w.credential != nil {
			w.credential.start(el, depth)
		}
		return
	}
	w.mark(el, depth)
	local := w.s.local(el)
	w.s.text = w.s.appendRaw(w.s.text[:0], span{el.name.end - len(local), el.name.end})
	w.m.Operation = Name{string(w.s.bytes(el.uri)), string(w.s.text)}
	if el.ns == nsWSSE || bytes.EqualFold(local, []byte("UsernameToken")) {
		w.refuse(KindMisplaced, el.start, "a WS-Security element in the Body")
	}
	if w.ended = !w.m.options.Credential; !w.ended {
		w.m.Credential = &CredentialBody{message: w.m}
		w.credential = &credentialWalk{w: w, body: w.m.Credential, ns: el.ns, uri: el.uri}
	}
}

// finish is called for the element that has just ended, which was at depth.
func (w *walk) finish(el *element, depth int) {
	w.closeMarks(depth)
	if w.current != nil && w.current.start == el.start {
		w.close()
	}
	switch {
	case depth == 2 && w.inHeader:
		w.inHeader = false
	case depth == 2 && w.inBody:
		w.inBody = false
		w.ended = !w.m.options.Credential
	case depth == 1 && w.bodies == 0:
		fail(KindNotSOAP, w.s.closeTag, "an envelope without a Body")
	case depth == 3 && w.inSecurity:
		w.inSecurity = false
		if w.holdsToken {
			w.m.security = span{w.securityStart, w.s.pos}
			w.m.securityOnly = w.securityChildren == 1
		}
	case depth == 4 && w.inToken:
		w.inToken = false
		w.m.tokenRange.end = w.s.pos
		if !w.m.username.present {
			w.refuse(KindToken, el.start, "a UsernameToken without a Username")
		}
	}
}

// close takes the text of the field that has just ended.
func (w *walk) close() {
	f := w.current
	w.current = nil
	f.close = w.s.closeTag
	switch {
	case f == &w.m.username:
		w.m.token.Username = string(w.s.text)
	case f == &w.m.password:
		w.m.token.Password, w.m.token.raw = w.secret(f)
		w.m.token.HasPassword = true
	case w.credential != nil:
		w.credential.take(f)
	case len(w.m.to) == 1:
		w.m.To = string(bytes.TrimSpace(w.s.text))
	}
}

// secret returns the gathered text of f, and its text as written if it has references but no other markup.
func (w *walk) secret(f *field) (decoded, raw secret.Text) {
	decoded = secret.New(string(w.s.text))
	written := w.s.buf[f.open:f.close]
	if bytes.IndexByte(written, '&') < 0 || bytes.IndexByte(written, '<') >= 0 {
		return decoded, raw
	}
	w.s.text = w.s.appendRaw(w.s.text[:0], span{f.open, f.close})
	return decoded, secret.New(string(w.s.text))
}
