package message

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

const (
	SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
	WSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	WSU    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	XOP    = "http://www.w3.org/2004/08/xop/include"
)

// SOAP is what the sandbox takes from a SOAP request.
type SOAP struct {
	Version   string // namespace of the envelope; empty until it is known
	Namespace string
	Operation string
	Token     *UsernameToken
	Timestamp bool                        // the Security header held one
	Body      *Element                    // the operation
	Parts     map[string]restbody.Content // by cid
}

// UsernameToken is the WS-Security credential (PROTOCOL.md §4.4).
type UsernameToken struct {
	Username, Password string
	Digest             bool
}

// Error is one of the faults that SOAP itself names; every other error is of a message that cannot be read.
type Error struct{ Fault, Reason string }

func (e *Error) Error() string { return e.Reason }

// Field is the text of a child of the operation.
func (m *SOAP) Field(name string) string { return m.Body.Value(name) }

// HasField reports whether the operation has a child of that name.
func (m *SOAP) HasField(name string) bool { return m.Body.Child(name) != nil }

// ReadSOAP reads a whole request: encoding, MTOM packaging and envelope. What was read comes with an error too.
func ReadSOAP(r *http.Request, limit int64) (SOAP, error) {
	body, err := decoded(r, limit)
	if err != nil {
		return SOAP{}, err
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return SOAP{}, fmt.Errorf("content type: %w", err)
	}
	switch media {
	case "text/xml", "application/soap+xml":
		return readEnvelope(body, nil)
	case "multipart/related":
		return readPackage(multipart.NewReader(body, params["boundary"]), params)
	}
	return SOAP{}, fmt.Errorf("content type %q is not SOAP", media)
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
func readPackage(parts *multipart.Reader, params map[string]string) (SOAP, error) {
	if params["type"] != "application/xop+xml" {
		return SOAP{}, errors.New("multipart/related is not of type application/xop+xml")
	}
	var root []byte
	documents := map[string]restbody.Content{}
	err := eachPart(parts, func(n int, part *multipart.Part) (err error) {
		id := part.Header.Get("Content-ID")
		if root == nil && (id == params["start"] || params["start"] == "" && n == 0) {
			root, err = io.ReadAll(part)
			return err
		}
		documents[strings.Trim(id, "<>")], err = digestOf(part)
		return err
	})
	msg, wrong := readEnvelope(bytes.NewReader(root), documents)
	return msg, cmp.Or(err, wrong)
}

// readEnvelope reads the envelope; parts are the documents that it may include by their ids.
func readEnvelope(r io.Reader, parts map[string]restbody.Content) (SOAP, error) {
	root, unreadable := readXML(r)
	msg := SOAP{Parts: parts}
	err := msg.take(root)
	return msg, cmp.Or(unreadable, err)
}

// take checks the envelope and notes what is in it, as far as it is right.
func (m *SOAP) take(root *Element) error {
	if root == nil || root.Name.Local != "Envelope" || root.Name.Space != SOAP11 && root.Name.Space != SOAP12 {
		return &Error{"VersionMismatch", "the envelope is neither SOAP 1.1 nor SOAP 1.2"}
	}
	m.Version = root.Name.Space
	regions := root.Children
	if len(regions) > 0 && regions[0].Name == (xml.Name{Space: m.Version, Local: "Header"}) {
		for _, block := range regions[0].Children {
			if err := m.takeHeader(block); err != nil {
				return err
			}
		}
		regions = regions[1:]
	}
	if len(regions) == 0 || regions[0].Name != (xml.Name{Space: m.Version, Local: "Body"}) {
		return errors.New("the envelope has no body, or something before it that is no header")
	}
	operations := regions[0].Children
	if len(operations) == 0 {
		return errors.New("the body is empty")
	}
	m.Body = operations[0]
	m.Operation, m.Namespace = m.Body.Name.Local, m.Body.Name.Space
	if len(regions) > 1 || len(operations) > 1 {
		return errors.New("there is more than one body, or more than one operation in it")
	}
	return m.checkNamespace(m.Body)
}

// takeHeader looks at a header block; of those it reads Security.
func (m *SOAP) takeHeader(block *Element) error {
	security := block.Name == xml.Name{Space: WSSE, Local: "Security"}
	for _, a := range block.Attrs {
		optional := a.Value == "0" || a.Value == "false" || security || strings.Contains(block.Name.Space, "/addressing")
		if a.Name == (xml.Name{Space: m.Version, Local: "mustUnderstand"}) && !optional {
			return &Error{"MustUnderstand", "a header that must be understood is not"}
		}
	}
	if !security {
		return nil
	}
	for _, e := range block.Children {
		switch e.Name {
		case xml.Name{Space: WSU, Local: "Timestamp"}:
			m.Timestamp = true
		case xml.Name{Space: WSSE, Local: "UsernameToken"}:
			if m.Token != nil {
				return errors.New("more than one UsernameToken")
			}
			m.Token = newToken(e)
		}
	}
	return nil
}

func newToken(e *Element) *UsernameToken {
	t := &UsernameToken{}
	for _, c := range e.Children {
		switch c.Name {
		case xml.Name{Space: WSSE, Local: "Username"}:
			t.Username = c.Text
		case xml.Name{Space: WSSE, Local: "Password"}:
			t.Password = c.Text
			t.Digest = slices.ContainsFunc(c.Attrs, func(a xml.Attr) bool {
				return strings.EqualFold(a.Name.Local, "Type") && !strings.HasSuffix(a.Value, "#PasswordText")
			})
		}
	}
	return t
}

// checkNamespace wants every element in the operation's namespace, but for xop:Include.
func (m *SOAP) checkNamespace(e *Element) error {
	if e.Name == (xml.Name{Space: XOP, Local: "Include"}) {
		return nil
	}
	if e.Name.Space != m.Namespace {
		return fmt.Errorf("element %s is in the namespace %q", e.Name.Local, e.Name.Space)
	}
	for _, c := range e.Children {
		if err := m.checkNamespace(c); err != nil {
			return err
		}
	}
	return nil
}

// Content is what an element of base64 holds, as text or as a part that it includes.
func (m *SOAP) Content(e *Element) (content restbody.Content, err error) {
	include := e.Child("Include")
	if include == nil {
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Text), ""))
		if err != nil {
			return content, err
		}
		return digestOf(bytes.NewReader(raw))
	}
	for _, a := range include.Attrs {
		id, _ := strings.CutPrefix(a.Value, "cid:")
		if d, ok := m.Parts[id]; ok && a.Name.Local == "href" {
			return d, nil
		}
	}
	return content, errors.New("xop: Include of no part")
}
