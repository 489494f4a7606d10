package sandbox

import (
	"cmp"
	"compress/gzip"
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

var (
	errVersion        = errors.New("the envelope is neither SOAP 1.1 nor SOAP 1.2")
	errMustUnderstand = errors.New("a header that must be understood is not")
)

// soapMessage is what the sandbox takes from a SOAP request.
type soapMessage struct {
	version   string // namespace of the envelope; empty until it is known
	namespace string
	operation string
	token     *usernameToken
	timestamp bool     // the Security header held one
	body      *element // the operation
	content   definition
	included  map[int]string // document index -> cid of the part that holds it
}

// usernameToken is the WS-Security credential (PROTOCOL.md §4.4).
type usernameToken struct {
	username, password string
	digest             bool
}

// field is a child of the operation or of its Envelope.
func (m *soapMessage) field(name string) string {
	return cmp.Or(m.body.value(name), m.body.child("Envelope").value(name))
}

// readMessage reads a whole request: encoding, MTOM packaging and envelope. What was read comes with an error too.
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

func decoded(r *http.Request, limit int64) (io.ReadCloser, error) {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return http.MaxBytesReader(nil, z, limit), nil
	}
	return nil, errors.New("content encoding is not supported")
}

// readPackage reads MTOM: the root part holds the envelope, the others documents.
func readPackage(parts *multipart.Reader, params map[string]string) (soapMessage, error) {
	var msg soapMessage
	if params["type"] != "application/xop+xml" {
		return msg, errors.New("multipart/related is not of type application/xop+xml")
	}
	documents, root := map[string]Document{}, false
	for n := range maxParts {
		part, err := parts.NextRawPart()
		if err == io.EOF && root {
			return msg, msg.include(documents)
		}
		if err != nil {
			return msg, fmt.Errorf("multipart: %w", err)
		}
		id := part.Header.Get("Content-ID")
		if !root && (id == params["start"] || params["start"] == "" && n == 0) {
			root = true
			if msg, err = readEnvelope(part); err != nil {
				return msg, err
			}
			continue
		}
		size, sum, err := digestOf(part)
		if err != nil {
			return msg, fmt.Errorf("multipart: %w", err)
		}
		documents[strings.Trim(id, "<>")] = Document{Size: size, SHA256: sum}
	}
	return msg, errors.New("multipart: too many parts")
}

func (m *soapMessage) include(parts map[string]Document) error {
	for i, id := range m.included {
		d, ok := parts[id]
		if !ok {
			return fmt.Errorf("xop: no part %q", id)
		}
		m.content.documents[i].Size, m.content.documents[i].SHA256 = d.Size, d.SHA256
	}
	return nil
}

func readEnvelope(r io.Reader) (soapMessage, error) {
	root, unreadable := readXML(r)
	msg := soapMessage{included: map[int]string{}}
	err := msg.take(root)
	return msg, cmp.Or(unreadable, err)
}

// take checks the envelope and notes what is in it, as far as it is right.
func (m *soapMessage) take(root *element) error {
	if root == nil || root.name.Local != "Envelope" || root.name.Space != soap11 && root.name.Space != soap12 {
		return errVersion
	}
	m.version = root.name.Space
	regions := root.children
	if len(regions) > 0 && regions[0].name == (xml.Name{Space: m.version, Local: "Header"}) {
		for _, block := range regions[0].children {
			if err := m.takeHeader(block); err != nil {
				return err
			}
		}
		regions = regions[1:]
	}
	if len(regions) == 0 || regions[0].name != (xml.Name{Space: m.version, Local: "Body"}) {
		return errors.New("the envelope has no body, or something before it that is no header")
	}
	operations := regions[0].children
	if len(operations) == 0 {
		return errors.New("the body is empty")
	}
	m.body = operations[0]
	m.operation, m.namespace = m.body.name.Local, m.body.name.Space
	if len(regions) > 1 || len(operations) > 1 {
		return errors.New("there is more than one body, or more than one operation in it")
	}
	if err := m.checkNamespace(m.body); err != nil {
		return err
	}
	return m.takeContent(m.body.child("Envelope"))
}

// takeHeader looks at a header block; of those it reads Security.
func (m *soapMessage) takeHeader(block *element) error {
	security := block.name == xml.Name{Space: wsse, Local: "Security"}
	for _, a := range block.attrs {
		optional := a.Value == "0" || a.Value == "false" || security || strings.Contains(block.name.Space, "/addressing")
		if a.Name == (xml.Name{Space: m.version, Local: "mustUnderstand"}) && !optional {
			return errMustUnderstand
		}
	}
	if !security {
		return nil
	}
	for _, e := range block.children {
		switch e.name {
		case xml.Name{Space: wsu, Local: "Timestamp"}:
			m.timestamp = true
		case xml.Name{Space: wsse, Local: "UsernameToken"}:
			if m.token != nil {
				return errors.New("more than one UsernameToken")
			}
			m.token = newUsernameToken(e)
		}
	}
	return nil
}

func newUsernameToken(e *element) *usernameToken {
	t := &usernameToken{}
	for _, c := range e.children {
		switch c.name {
		case xml.Name{Space: wsse, Local: "Username"}:
			t.username = c.text
		case xml.Name{Space: wsse, Local: "Password"}:
			t.password = c.text
			for _, a := range c.attrs {
				digest := strings.EqualFold(a.Name.Local, "Type") && !strings.HasSuffix(a.Value, "#PasswordText")
				t.digest = t.digest || digest
			}
		}
	}
	return t
}

// checkNamespace wants every element in the operation's namespace, but for xop:Include.
func (m *soapMessage) checkNamespace(e *element) error {
	if e.name == (xml.Name{Space: xop, Local: "Include"}) {
		return nil
	}
	if e.name.Space != m.namespace {
		return fmt.Errorf("element %s is in the namespace %q", e.name.Local, e.name.Space)
	}
	for _, c := range e.children {
		if err := m.checkNamespace(c); err != nil {
			return err
		}
	}
	return nil
}

// takeContent reads the documents and recipients of the operation's Envelope.
func (m *soapMessage) takeContent(envelope *element) error {
	for i, e := range envelope.child("Documents").items() {
		doc := Document{ID: e.value("ID"), Name: e.value("Name")}
		content := e.child("PDFBytes")
		if included := content.child("Include"); included != nil {
			id, err := contentID(included)
			if err != nil {
				return err
			}
			m.included[i] = id
		} else if content != nil {
			if err := doc.keep(content.text); err != nil {
				return fmt.Errorf("PDFBytes: %w", err)
			}
		}
		m.content.documents = append(m.content.documents, doc)
	}
	for _, e := range envelope.child("Recipients").items() {
		m.content.recipients = append(m.content.recipients, Recipient{
			ID: e.value("ID"), Email: e.value("Email"), Name: e.value("UserName"), Type: e.value("Type"),
		})
	}
	return m.content.bounded()
}

func contentID(include *element) (string, error) {
	for _, a := range include.attrs {
		if id, ok := strings.CutPrefix(a.Value, "cid:"); ok && a.Name.Local == "href" {
			return id, nil
		}
	}
	return "", errors.New("xop: Include without a cid")
}
