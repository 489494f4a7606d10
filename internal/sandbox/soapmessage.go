package sandbox

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
	wsse   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	wsu    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	xop    = "http://www.w3.org/2004/08/xop/include"
)

// soapMessage is what the sandbox takes from a SOAP request. Documents are hashed as they pass.
type soapMessage struct {
	version   string // namespace of the envelope; empty until it is known
	namespace string
	operation string
	token     *usernameToken
	timestamp bool              // the Security header held one
	fields    map[string]string // children of the operation and of its Envelope
	content   definition
	included  map[int]string // document index -> cid of the part that holds it
}

// usernameToken is the WS-Security credential (PROTOCOL.md §4.4).
type usernameToken struct {
	username, password string
	digest             bool
}

// soapReader collects a message while the tokens pass.
type soapReader struct {
	msg     soapMessage
	stack   []xml.Name
	texts   [][]byte
	kept    int
	header  bool
	body    bool
	filling bool // a long text stood where the current element's text would be
}

// readMessage reads a whole request: encoding, MTOM packaging and envelope.
func readMessage(r *http.Request, limit int64) (soapMessage, error) {
	body, err := decoded(r, limit)
	if err != nil {
		return soapMessage{}, err
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return soapMessage{}, fmt.Errorf("content type: %w", err)
	}
	switch media {
	case "text/xml", "application/soap+xml":
		return readEnvelope(body)
	case "multipart/related":
		return readPackage(multipart.NewReader(body, params["boundary"]), params)
	}
	return soapMessage{}, fmt.Errorf("content type %q is not SOAP", media)
}

func decoded(r *http.Request, limit int64) (io.Reader, error) {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bufio.NewReader(r.Body))
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return &cappedReader{z, limit}, nil
	}
	return nil, errors.New("content encoding is not supported")
}

// cappedReader fails instead of ending when the limit is reached.
type cappedReader struct {
	r    io.Reader
	left int64
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the decompressed body is too large")
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// readPackage reads MTOM: the root part holds the envelope, the others documents.
func readPackage(parts *multipart.Reader, params map[string]string) (soapMessage, error) {
	if params["type"] != "application/xop+xml" {
		return soapMessage{}, errors.New("multipart/related is not of type application/xop+xml")
	}
	var msg soapMessage
	blobs, root := map[string]blob{}, false
	for n := range maxParts {
		part, err := parts.NextRawPart()
		if err == io.EOF && root {
			return msg, msg.include(blobs)
		}
		if err != nil {
			return msg, fmt.Errorf("multipart: %w", unexpectedEnd(err))
		}
		id := part.Header.Get("Content-ID")
		if !root && (id == params["start"] || params["start"] == "" && n == 0) {
			root = true
			if msg, err = readEnvelope(part); err != nil {
				return msg, err
			}
			continue
		}
		b, err := hashed(part)
		if err != nil {
			return msg, fmt.Errorf("multipart: %w", err)
		}
		blobs[strings.Trim(id, "<>")] = b
	}
	return msg, errors.New("multipart: too many parts")
}

func hashed(r io.Reader) (blob, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, r)
	return blob{size: size, sha256: hex.EncodeToString(sum.Sum(nil))}, err
}

func (m *soapMessage) include(blobs map[string]blob) error {
	for i, id := range m.included {
		b, ok := blobs[id]
		if !ok {
			return fmt.Errorf("xop: no part %q", id)
		}
		m.content.documents[i].Size, m.content.documents[i].SHA256 = b.size, b.sha256
	}
	return nil
}

func readEnvelope(r io.Reader) (soapMessage, error) {
	x := newXMLReader(r)
	s := &soapReader{msg: soapMessage{fields: map[string]string{}, included: map[int]string{}}}
	for {
		token, long, err := x.next()
		if err == io.EOF && x.seen && x.depth == 0 {
			break
		}
		if err != nil {
			return s.msg, unexpectedEnd(err)
		}
		if err := s.take(token, long); err != nil {
			return s.msg, err
		}
	}
	if !s.body || s.msg.operation == "" {
		return s.msg, errors.New("the envelope has no body or the body is empty")
	}
	return s.msg, nil
}

func (s *soapReader) take(token xml.Token, long *blob) error {
	switch t := token.(type) {
	case xml.StartElement:
		s.stack = append(s.stack, t.Name)
		s.texts = append(s.texts, nil)
		s.filling = false
		return s.start(t)
	case xml.EndElement:
		text := string(s.texts[len(s.texts)-1])
		err := s.end(text)
		s.stack, s.texts = s.stack[:len(s.stack)-1], s.texts[:len(s.texts)-1]
		return err
	case xml.CharData:
		if s.kept += len(t); s.kept > maxTexts {
			return errors.New("too much text")
		}
		if last := len(s.texts) - 1; last >= 0 {
			s.texts[last] = append(s.texts[last], t...)
		}
	case xml.ProcInst:
		if long != nil {
			s.filling = true
			return s.document(*long)
		}
		if t.Target != "xml" {
			return errors.New("a processing instruction is not allowed")
		}
	}
	return nil
}

func (s *soapReader) start(t xml.StartElement) error {
	switch len(s.stack) {
	case 1:
		if t.Name.Local != "Envelope" || t.Name.Space != soap11 && t.Name.Space != soap12 {
			return errVersion
		}
		s.msg.version = t.Name.Space
	case 2:
		return s.region(t.Name)
	case 3:
		return s.child(t)
	default:
		return s.inner(t)
	}
	return nil
}

func (s *soapReader) region(name xml.Name) error {
	switch {
	case name.Space == s.msg.version && name.Local == "Header" && !s.header && !s.body:
		s.header = true
	case name.Space == s.msg.version && name.Local == "Body" && !s.body:
		s.body = true
	default:
		return fmt.Errorf("unexpected %s in the envelope", name.Local)
	}
	return nil
}

// child is a header block or the operation.
func (s *soapReader) child(t xml.StartElement) error {
	if s.stack[1].Local == "Body" {
		if s.msg.operation != "" {
			return errors.New("the body has more than one child")
		}
		s.msg.operation, s.msg.namespace = t.Name.Local, t.Name.Space
		return nil
	}
	known := t.Name.Space == wsse && t.Name.Local == "Security" || strings.Contains(t.Name.Space, "/addressing")
	for _, a := range t.Attr {
		if a.Name.Space == s.msg.version && a.Name.Local == "mustUnderstand" && a.Value != "0" && a.Value != "false" && !known {
			return errMustUnderstand
		}
	}
	return nil
}

func (s *soapReader) inner(t xml.StartElement) error {
	if s.stack[1].Local == "Header" {
		return s.security(t)
	}
	if t.Name.Space == xop && t.Name.Local == "Include" {
		return s.includes(t)
	}
	if t.Name.Space != s.msg.namespace {
		return fmt.Errorf("element %s is in the namespace %q", t.Name.Local, t.Name.Space)
	}
	switch path := s.path(); {
	case len(path) == 3 && path[1] == "Documents":
		s.msg.content.documents = append(s.msg.content.documents, Document{})
	case len(path) == 3 && path[1] == "Recipients":
		s.msg.content.recipients = append(s.msg.content.recipients, Recipient{})
	}
	if len(s.msg.content.documents) > maxDocuments || len(s.msg.content.recipients) > maxDocuments {
		return errors.New("too many documents or recipients")
	}
	return nil
}

// security looks at the elements below wsse:Security.
func (s *soapReader) security(t xml.StartElement) error {
	if s.stack[2].Space != wsse || s.stack[2].Local != "Security" {
		return nil
	}
	switch {
	case t.Name.Space == wsu && t.Name.Local == "Timestamp" && len(s.stack) == 4:
		s.msg.timestamp = true
	case t.Name.Space == wsse && t.Name.Local == "UsernameToken" && len(s.stack) == 4:
		if s.msg.token != nil {
			return errors.New("more than one UsernameToken")
		}
		s.msg.token = &usernameToken{}
	case t.Name.Space == wsse && t.Name.Local == "Password" && s.msg.token != nil:
		for _, a := range t.Attr {
			if strings.EqualFold(a.Name.Local, "Type") && !strings.HasSuffix(a.Value, "#PasswordText") {
				s.msg.token.digest = true
			}
		}
	}
	return nil
}

func (s *soapReader) includes(t xml.StartElement) error {
	for _, a := range t.Attr {
		id, ok := strings.CutPrefix(a.Value, "cid:")
		if a.Name.Local == "href" && ok && len(s.msg.content.documents) > 0 {
			s.msg.included[len(s.msg.content.documents)-1] = id
			s.filling = true
			return nil
		}
	}
	return errors.New("xop: Include without a cid")
}

// path is the current element's path below the operation.
func (s *soapReader) path() []string {
	var path []string
	for _, name := range s.stack[min(3, len(s.stack)):] {
		path = append(path, name.Local)
	}
	return path
}

func (s *soapReader) end(text string) error {
	if len(s.stack) < 4 {
		return nil
	}
	if s.stack[1].Local == "Header" {
		s.endSecurity(text)
		return nil
	}
	path := s.path()
	switch {
	case len(path) == 1, len(path) == 2 && path[0] == "Envelope":
		s.msg.fields[path[len(path)-1]] = text
	case len(path) == 4 && path[1] == "Documents" && path[3] == "PDFBytes":
		if s.filling {
			s.filling = false
			return nil
		}
		return s.document(blobOf(text))
	case len(path) == 4 && path[1] == "Documents":
		s.msg.content.documents[len(s.msg.content.documents)-1].setSOAP(path[3], text)
	case len(path) == 4 && path[1] == "Recipients":
		s.msg.content.recipients[len(s.msg.content.recipients)-1].setSOAP(path[3], text)
	}
	return nil
}

func (s *soapReader) endSecurity(text string) {
	name := s.stack[len(s.stack)-1]
	if s.msg.token == nil || len(s.stack) != 5 || name.Space != wsse || s.stack[3].Local != "UsernameToken" {
		return
	}
	switch name.Local {
	case "Username":
		s.msg.token.username = text
	case "Password":
		s.msg.token.password = text
	}
}

// document keeps the digest of the current document; other long texts are only read.
func (s *soapReader) document(b blob) error {
	path := s.path()
	if len(s.stack) < 2 || s.stack[1].Local != "Body" || len(path) != 4 || path[3] != "PDFBytes" {
		return nil
	}
	if b.err != nil {
		return fmt.Errorf("PDFBytes: %w", b.err)
	}
	d := &s.msg.content.documents[len(s.msg.content.documents)-1]
	d.Size, d.SHA256 = b.size, b.sha256
	return nil
}

func (doc *Document) setSOAP(name, value string) {
	switch name {
	case "ID":
		doc.ID = value
	case "Name":
		doc.Name = value
	}
}

func (r *Recipient) setSOAP(name, value string) {
	switch name {
	case "ID":
		r.ID = value
	case "Email":
		r.Email = value
	case "UserName":
		r.Name = value
	case "Type":
		r.Type = value
	}
}

var (
	errVersion        = errors.New("the envelope is neither SOAP 1.1 nor SOAP 1.2")
	errMustUnderstand = errors.New("a header that must be understood is not")
)
