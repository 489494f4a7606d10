package message

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const maxParts = 1000

// Definition is what the sandbox takes from an envelope or view definition.
type Definition struct {
	Status     string // lower-case
	Subject    string
	Reason     string // of voiding
	ReturnURL  string
	Documents  []Document
	Recipients []Recipient
}

// Document is what came as one document.
type Document struct {
	ID     string
	Name   string
	Size   int64  // decoded bytes
	SHA256 string // hex, of the decoded bytes
}

// Recipient is one person of an envelope.
type Recipient struct{ ID, Email, Name, Type string }

// ReadDefinition reads a body of JSON, XML or multipart/form-data (PROTOCOL.md §1.6); io.EOF means that there is none.
func ReadDefinition(r *http.Request) (Definition, error) {
	body := bufio.NewReader(r.Body)
	if _, err := body.Peek(1); err != nil {
		return Definition{}, err
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return Definition{}, fmt.Errorf("content type: %w", err)
	}
	var d Definition
	if media == "multipart/form-data" {
		d, err = readParts(multipart.NewReader(body, params["boundary"]))
	} else {
		d, err = readPart(media, body)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	return d, err
}

func readPart(media string, body io.Reader) (Definition, error) {
	read := readXML
	switch media {
	case "application/json", "text/json":
		read = readJSON
	case "application/xml", "text/xml":
	default:
		return Definition{}, fmt.Errorf("content type %q is not JSON or XML", media)
	}
	root, err := read(body)
	if err != nil {
		return Definition{}, err
	}
	return newDefinition(root)
}

// newDefinition takes what is needed out of JSON or XML: in both, the children of a list may have any name.
func newDefinition(root *element) (Definition, error) {
	d := Definition{
		Status: strings.ToLower(root.value("status")), Subject: root.value("emailSubject"),
		Reason: root.value("voidedReason"), ReturnURL: root.value("returnUrl"),
	}
	for _, e := range root.child("documents").items() {
		doc := Document{ID: e.value("documentId"), Name: e.value("name")}
		if err := doc.keep(e.value("documentBase64")); err != nil {
			return d, fmt.Errorf("documentBase64: %w", err)
		}
		d.Documents = append(d.Documents, doc)
	}
	for _, kind := range root.child("recipients").items() {
		for _, e := range kind.children {
			d.Recipients = append(d.Recipients, Recipient{
				ID: e.value("recipientId"), Email: e.value("email"), Name: e.value("name"), Type: kind.name.Local,
			})
		}
	}
	return d, nil
}

// keep notes the digest of a document that came as base64; blanks within it are skipped.
func (doc *Document) keep(text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "").Replace(text))
	if err == nil {
		doc.Size, doc.SHA256, err = digestOf(bytes.NewReader(raw))
	}
	return err
}

// readParts wants the definition first and documents after it.
func readParts(parts *multipart.Reader) (d Definition, err error) {
	err = eachPart(parts, func(n int, part *multipart.Part) (err error) {
		if n > 0 {
			return d.readDocument(part)
		}
		media, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		d, err = readPart(media, part)
		return err
	})
	return d, err
}

func eachPart(parts *multipart.Reader, take func(n int, part *multipart.Part) error) error {
	for n := range maxParts {
		part, err := parts.NextRawPart()
		if err == io.EOF && n > 0 {
			return nil
		}
		if err == nil {
			err = take(n, part)
		}
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
	}
	return errors.New("multipart: too many parts")
}

// readDocument hashes a part as it passes. The id is often not in a valid header: npm docusign sends "documentId=1".
func (d Definition) readDocument(part *multipart.Part) error {
	pattern := regexp.MustCompile(`(?i)(?:^|[;\s])documentid\s*=\s*"?([0-9A-Za-z-]+)`)
	id := pattern.FindStringSubmatch(part.Header.Get("Content-Disposition"))
	if id == nil {
		return errors.New("a document part names no document")
	}
	i := slices.IndexFunc(d.Documents, func(doc Document) bool { return doc.ID == id[1] })
	if i < 0 {
		return fmt.Errorf("the definition has no document %s", id[1])
	}
	var err error
	d.Documents[i].Size, d.Documents[i].SHA256, err = digestOf(part)
	return err
}

// digestOf is the size and the SHA-256 in hex of what r yields.
func digestOf(r io.Reader) (int64, string, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, r)
	return size, hex.EncodeToString(sum.Sum(nil)), err
}
