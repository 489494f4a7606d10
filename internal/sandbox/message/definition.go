package message

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

const maxParts = 1000

// ReadBody reads a body of JSON, XML or multipart/form-data (PROTOCOL.md §1.6) as an object of a type; io.EOF means
// that there is none. Documents that came as parts of their own lie where the definition names them.
func ReadBody(r *http.Request, kind *restbody.Type) (restbody.Object, error) {
	body := bufio.NewReader(r.Body)
	if _, err := body.Peek(1); err != nil {
		return nil, err
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("content type: %w", err)
	}
	var o restbody.Object
	if media == "multipart/form-data" {
		o, err = readParts(multipart.NewReader(body, params["boundary"]), kind)
	} else {
		o, err = readPart(media, body, kind)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	return o, err
}

func readPart(media string, body io.Reader, kind *restbody.Type) (restbody.Object, error) {
	var v any
	var err error
	switch media {
	case "application/json", "text/json":
		v, err = readJSON(body)
	case "application/xml", "text/xml":
		var root *Element
		root, err = readXML(body)
		v = root.object(kind)
	default:
		return nil, fmt.Errorf("content type %q is not JSON or XML", media)
	}
	if err != nil {
		return nil, err
	}
	return kind.Take(v)
}

// object is what the element would be in JSON; the children of a list may have any name.
func (e *Element) object(kind *restbody.Type) map[string]any {
	o := map[string]any{}
	for _, c := range e.Items() {
		k := kind.Members[c.Name.Local]
		if !k.Many {
			o[c.Name.Local] = c.as(k)
			continue
		}
		list := []any{}
		for _, item := range c.Children {
			list = append(list, item.as(k))
		}
		o[c.Name.Local] = list
	}
	return o
}

func (e *Element) as(k restbody.Kind) any {
	switch {
	case k.Type != nil:
		return e.object(k.Type)
	case k.Word == "figure":
		return json.Number(e.Text)
	case k.Word == "bool" && (e.Text == "true" || e.Text == "false"):
		return e.Text == "true"
	}
	return e.Text
}

// readParts wants the definition first and documents after it.
func readParts(parts *multipart.Reader, kind *restbody.Type) (o restbody.Object, err error) {
	err = eachPart(parts, func(n int, part *multipart.Part) (err error) {
		if n > 0 {
			return readDocument(o, part)
		}
		media, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		o, err = readPart(media, part, kind)
		return err
	})
	return o, err
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
func readDocument(definition restbody.Object, part *multipart.Part) error {
	pattern := regexp.MustCompile(`(?i)(?:^|[;\s])documentid\s*=\s*"?([0-9A-Za-z-]+)`)
	id := pattern.FindStringSubmatch(part.Header.Get("Content-Disposition"))
	if id == nil {
		return errors.New("a document part names no document")
	}
	document := named(definition, id[1], part.Header.Get("Content-Disposition"))
	if document == nil {
		return fmt.Errorf("the definition has no document %s", id[1])
	}
	var in io.Reader = part
	if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "base64") {
		in = base64.NewDecoder(base64.StdEncoding, part)
	}
	content, err := digestOf(in)
	document["documentBase64"] = content
	return err
}

// named finds a document of the definition: one of its own, or that of a composite template, which the part may name.
func named(definition restbody.Object, id, disposition string) restbody.Object {
	composite := regexp.MustCompile(`(?i)compositetemplateid\s*=\s*"?([0-9A-Za-z-]+)`).FindStringSubmatch(disposition)
	own, _ := definition["documents"].([]any)
	composites, _ := definition["compositeTemplates"].([]any)
	if composite == nil {
		for _, v := range own {
			if o := v.(restbody.Object); o["documentId"] == id {
				return o
			}
		}
	}
	for _, v := range composites {
		o := v.(restbody.Object)
		document, _ := o["document"].(restbody.Object)
		if document["documentId"] == id && (composite == nil || o["compositeTemplateId"] == composite[1]) {
			return document
		}
	}
	return nil
}

// digestOf is the size and the digest of what r yields.
func digestOf(r io.Reader) (restbody.Content, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, r)
	return restbody.Content{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}
