package sandbox

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
)

var (
	errNoBody     = errors.New("the body is empty")
	errDocumentID = errors.New("a document part names no document")
)

const (
	maxParts     = 1000
	maxDocuments = 1000
)

// definition is what the sandbox takes from an envelope or view definition. Documents are hashed as they pass.
type definition struct {
	status     string
	subject    string
	reason     string
	returnURL  string
	documents  []Document
	recipients []Recipient
}

// tree gets the content of a JSON or XML document in order. Array elements have any name.
type tree interface {
	open(path []string) error
	text(path []string, value string) error
	// encoded tells whether the text at path is base64 of any length, which then goes to blob.
	encoded(path []string) bool
	blob(path []string, b blob) error
}

func (d *definition) open(path []string) error {
	switch {
	case len(path) == 2 && path[0] == "documents":
		d.documents = append(d.documents, Document{})
	case len(path) == 3 && path[0] == "recipients":
		d.recipients = append(d.recipients, Recipient{Type: path[1]})
	}
	if len(d.documents) > maxDocuments || len(d.recipients) > maxDocuments {
		return errors.New("too many documents or recipients")
	}
	return nil
}

func (d *definition) text(path []string, value string) error {
	last := path[max(len(path)-1, 0):]
	if len(last) == 0 {
		return nil
	}
	switch {
	case len(path) == 1:
		d.setField(last[0], value)
	case len(path) == 3 && path[0] == "documents" && len(d.documents) > 0:
		d.documents[len(d.documents)-1].setField(last[0], value)
	case len(path) == 4 && path[0] == "recipients" && len(d.recipients) > 0:
		d.recipients[len(d.recipients)-1].setField(last[0], value)
	}
	return nil
}

func (d *definition) setField(name, value string) {
	switch name {
	case "status":
		d.status = strings.ToLower(value)
	case "emailSubject":
		d.subject = value
	case "voidedReason":
		d.reason = value
	case "returnUrl":
		d.returnURL = value
	}
}

func (doc *Document) setField(name, value string) {
	switch name {
	case "documentId":
		doc.ID = value
	case "name":
		doc.Name = value
	}
}

func (r *Recipient) setField(name, value string) {
	switch name {
	case "recipientId":
		r.ID = value
	case "email":
		r.Email = value
	case "name":
		r.Name = value
	}
}

func (d *definition) encoded(path []string) bool {
	return len(path) == 3 && path[0] == "documents" && path[2] == "documentBase64"
}

func (d *definition) blob(path []string, b blob) error {
	if !d.encoded(path) {
		return nil
	}
	if b.err != nil {
		return fmt.Errorf("documentBase64: %w", b.err)
	}
	doc := &d.documents[len(d.documents)-1]
	doc.Size, doc.SHA256 = b.size, b.sha256
	return nil
}

// readDefinition reads a body of JSON, XML or multipart/form-data (PROTOCOL.md §1.6) without keeping documents.
func readDefinition(r *http.Request) (definition, error) {
	var d definition
	body := bufio.NewReader(r.Body)
	if _, err := body.Peek(1); err == io.EOF {
		return d, errNoBody
	} else if err != nil {
		return d, err
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return d, fmt.Errorf("content type: %w", err)
	}
	if media == "multipart/form-data" {
		err = d.readParts(multipart.NewReader(body, params["boundary"]))
	} else {
		err = d.readPart(media, body)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	return d, err
}

func (d *definition) readPart(media string, body io.Reader) error {
	switch media {
	case "application/json", "text/json":
		return walkJSON(body, d)
	case "application/xml", "text/xml":
		return walkXML(body, d)
	}
	return fmt.Errorf("content type %q is not JSON or XML", media)
}

// readParts wants the definition first and documents after it.
func (d *definition) readParts(parts *multipart.Reader) error {
	for n := range maxParts {
		part, err := parts.NextRawPart()
		if err == io.EOF && n > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		if n > 0 {
			err = d.readDocument(part)
		} else {
			media, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
			err = d.readPart(media, part)
		}
		if err != nil {
			return err
		}
	}
	return errors.New("multipart: too many parts")
}

func (d *definition) readDocument(part *multipart.Part) error {
	id := documentID(part.Header.Get("Content-Disposition"))
	if id == "" {
		return errDocumentID
	}
	sum := sha256.New()
	size, err := io.Copy(sum, part)
	if err != nil {
		return fmt.Errorf("multipart: %w", err)
	}
	for i := range d.documents {
		if d.documents[i].ID == id {
			d.documents[i].Size, d.documents[i].SHA256 = size, hex.EncodeToString(sum.Sum(nil))
			return nil
		}
	}
	return fmt.Errorf("multipart: the definition has no document %s", id)
}

// documentID reads the id out of a Content-Disposition that is often no valid one (npm docusign: "documentId=1").
func documentID(disposition string) string {
	m := regexp.MustCompile(`(?i)(?:^|[;\s])documentid\s*=\s*"?([0-9A-Za-z-]+)`).FindStringSubmatch(disposition)
	if m == nil {
		return ""
	}
	return m[1]
}
