package element

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"docusign-auth-proxy/translate/soap"
	"docusign-auth-proxy/translate/soaprest/fault"
)

const (
	namespaceXOP = "http://www.w3.org/2004/08/xop/include"

	maxDocument  = 32 << 20 // bytes (SOAP-REST.md §6.1)
	maxDocuments = 48 << 20 // of all documents of a message
)

// documents are those of one message.
type documents struct {
	size int64
	sums map[*Element][]byte // SHA-256
	// wanted are the elements whose bytes come in parts, by Content-ID; those that came are nil.
	wanted map[string]*Element
}

// document reads an element of base64Binary. An empty one has a File without bytes.
func (r *reader) document(e *Element) error {
	w := r.fill(e)
	err := r.in.Base64(w)
	if errors.Is(err, soap.KindBase64) {
		return r.invalid(e, "is no base64Binary")
	}
	if err != nil {
		return err
	}
	event, err := r.in.Next()
	if err != nil {
		return err
	}
	if event == soap.Start {
		return r.include(e)
	}
	w.close()
	return nil
}

// include reads the xop:Include that was begun in e, and the end of e.
func (r *reader) include(e *Element) error {
	if name := r.in.Name(); name != (soap.Name{Namespace: namespaceXOP, Local: "Include"}) || e.Bytes.Size() > 0 {
		return fault.Refused(r.operation, e.Path+"/"+name.Local)
	}
	href := ""
	for name, value := range r.in.Attributes {
		if name == (soap.Name{Local: "href"}) {
			href = value
		}
	}
	id, isCID := strings.CutPrefix(strings.TrimSpace(href), "cid:")
	id, err := url.PathUnescape(id)
	switch _, twice := r.documents.wanted[id]; {
	case !isCID || err != nil:
		return r.invalid(e, "refers to no part of the message")
	case twice:
		return r.invalid(e, "refers to a part that another element refers to")
	case r.documents.wanted == nil:
		r.documents.wanted = map[string]*Element{}
	}
	r.documents.wanted[id] = e
	const otherwise = "has more than a reference to a part"
	if err := r.nothing(e, otherwise); err != nil {
		return err
	}
	return r.expect(soap.End, "'"+e.Path+"' "+otherwise)
}

// parts reads what follows the envelope in a message of MTOM.
func (r *reader) parts() error {
	for {
		id, part, err := r.in.Part()
		if err != nil {
			return err
		}
		if part == nil {
			break
		}
		e := r.documents.wanted[id]
		if e == nil {
			return fault.Invalid("the message has a part that no element refers to, or that comes twice")
		}
		r.documents.wanted[id] = nil
		w := r.fill(e)
		if _, err := io.CopyBuffer(w, part, make([]byte, 32<<10)); err != nil {
			return err
		}
		w.close()
	}
	for _, id := range slices.Sorted(maps.Keys(r.documents.wanted)) {
		if e := r.documents.wanted[id]; e != nil {
			return r.invalid(e, "refers to a part that did not come")
		}
	}
	return nil
}

// fill makes the File of e.
func (r *reader) fill(e *Element) *documentWriter {
	if e.Bytes == nil {
		e.Bytes = r.pool.New()
		r.message.files = append(r.message.files, e.Bytes)
	}
	return &documentWriter{r: r, e: e, sum: sha256.New()}
}

// documentWriter writes the bytes of one document.
type documentWriter struct {
	r   *reader
	e   *Element
	sum hash.Hash
}

func (w *documentWriter) Write(b []byte) (int, error) {
	w.r.documents.size += int64(len(b))
	switch {
	case w.e.Bytes.Size()+int64(len(b)) > maxDocument:
		return 0, fault.Refused(w.r.operation, w.e.Path+" of more than 33,554,432 bytes")
	case w.r.documents.size > maxDocuments:
		return 0, fault.Refused(w.r.operation, w.e.Path+" with documents of more than 50,331,648 bytes together")
	}
	w.sum.Write(b)
	n, err := w.e.Bytes.Write(b)
	if err != nil {
		err = fault.Own("%s: the proxy cannot keep the documents: %v. Nothing was sent.", w.r.operation, err)
	}
	return n, err
}

func (w *documentWriter) close() {
	if w.r.documents.sums == nil {
		w.r.documents.sums = map[*Element][]byte{}
	}
	w.r.documents.sums[w.e] = w.sum.Sum(nil)
}
