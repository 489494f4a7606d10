package sandbox

import (
	"bytes"
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

// soapMessage is what the sandbox takes from a SOAP request.
type soapMessage struct {
	version   string // namespace of the envelope; empty until it is known
	namespace string
	operation string
	token     *usernameToken
	timestamp bool     // the Security header held one
	body      *element // the operation
	content   Envelope
	parts     map[string]Document // by cid
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
		return readEnvelope(body, nil)
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
	if params["type"] != "application/xop+xml" {
		return soapMessage{}, errors.New("multipart/related is not of type application/xop+xml")
	}
	var root []byte
	documents := map[string]Document{}
	err := eachPart(parts, func(n int, part *multipart.Part) (err error) {
		id := part.Header.Get("Content-ID")
		if root == nil && (id == params["start"] || params["start"] == "" && n == 0) {
			root, err = io.ReadAll(part)
			return err
		}
		size, sum, err := digestOf(part)
		documents[strings.Trim(id, "<>")] = Document{Size: size, SHA256: sum}
		return err
	})
	msg, wrong := readEnvelope(bytes.NewReader(root), documents)
	return msg, cmp.Or(err, wrong)
}

// readEnvelope reads the envelope; parts are the documents that it may include by their ids.
func readEnvelope(r io.Reader, parts map[string]Document) (soapMessage, error) {
	root, unreadable := readXML(r)
	msg := soapMessage{parts: parts}
	err := msg.take(root)
	return msg, cmp.Or(unreadable, err)
}

// take checks the envelope and notes what is in it, as far as it is right.
func (m *soapMessage) take(root *element) error {
	if root == nil || root.name.Local != "Envelope" || root.name.Space != soap11 && root.name.Space != soap12 {
		return &apiError{code: "VersionMismatch", message: "the envelope is neither SOAP 1.1 nor SOAP 1.2"}
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
			return &apiError{code: "MustUnderstand", message: "a header that must be understood is not"}
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
	for _, e := range envelope.child("Documents").items() {
		doc, err := m.document(e.child("PDFBytes"))
		if err != nil {
			return fmt.Errorf("PDFBytes: %w", err)
		}
		doc.ID, doc.Name = e.value("ID"), e.value("Name")
		m.content.Documents = append(m.content.Documents, doc)
	}
	for _, e := range envelope.child("Recipients").items() {
		m.content.Recipients = append(m.content.Recipients, Recipient{
			ID: e.value("ID"), Email: e.value("Email"), Name: e.value("UserName"), Type: e.value("Type"),
		})
	}
	return nil
}

// document is base64, or a part that is included.
func (m *soapMessage) document(content *element) (doc Document, err error) {
	include := content.child("Include")
	switch {
	case content == nil:
		return doc, nil
	case include == nil:
		return doc, doc.keep(content.text)
	}
	for _, a := range include.attrs {
		id, _ := strings.CutPrefix(a.Value, "cid:")
		if d, ok := m.parts[id]; ok && a.Name.Local == "href" {
			return d, nil
		}
	}
	return doc, errors.New("xop: Include of no part")
}
