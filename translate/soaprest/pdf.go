package soaprest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// certificate is REST's id of the certificate among the documents.
const certificate = "certificate"

// maxSafe bounds what is read to its end before it is answered, where nothing else is configured (SOAP-REST.md §6.4).
const maxSafe = 20 << 20

// documents are what an answer is made of, while it is written.
type documents struct {
	*task

	open []func() error
}

// close ends what the answer was made of, whether it was written or not.
func (d *documents) close() {
	for _, end := range d.open {
		_ = end() // it was read to its end, or is not wanted any more
	}
	d.open = nil
}

// answer gives the result, or the error there was.
func (d *documents) answer(result any, err error) (*answer.Answer, error) {
	var a *answer.Answer
	if err == nil {
		a, err = d.writer.Result(result)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	a.Close = d.close
	return a, nil
}

// get opens a document. The error is a fault when REST refuses it, or answers with what is none.
func (d *documents) get(ctx context.Context, r *Request) (*http.Response, error) {
	r.Method, r.Accept = http.MethodGet, "application/pdf"
	resp, err := d.send(ctx, r)
	if err != nil {
		return nil, err
	}
	switch kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind {
	case "text/html", "text/plain", "application/json":
		_ = resp.Body.Close()
		return nil, fault.Server("DocuSign answered %d with %s and no document", resp.StatusCode, kind)
	}
	return resp, nil
}

// now opens a document before the answer begins. When all of it is wanted first, or HTTP/1.0 needs a length that
// DocuSign does not tell, it goes through a spool.
func (d *documents) now(ctx context.Context, r *Request, whole bool) (answer.Stream, error) {
	resp, err := d.get(ctx, r)
	if err != nil {
		return answer.Stream{}, err
	}
	if !whole && (resp.ContentLength >= 0 || !d.HTTP10) {
		d.open = append(d.open, resp.Body.Close)
		return answer.Stream{Size: resp.ContentLength, Open: func() (io.ReadCloser, error) { return resp.Body, nil }}, nil
	}
	defer resp.Body.Close()
	file, err := d.keep(resp)
	if err != nil {
		return answer.Stream{}, err
	}
	read := func() (io.ReadCloser, error) { return io.NopCloser(file.Reader()), nil }
	return answer.Stream{Size: file.Size(), Open: read}, nil
}

// keep reads what DocuSign answers to its end, for as long as the answer to the program needs it.
func (d *documents) keep(resp *http.Response) (*spool.File, error) {
	file := d.Spools.New()
	d.open = append(d.open, func() error { file.Close(); return nil })
	began := d.engine.o.Now()
	n, err := io.Copy(file, resp.Body)
	d.Notes.Upstream += d.engine.o.Now().Sub(began)
	switch {
	case errors.Is(err, spool.ErrFull), errors.Is(err, spool.ErrDisk):
		return nil, fault.Own("the proxy cannot keep what DocuSign answers: %v", err)
	case err != nil:
		return nil, fault.Server("DocuSign's answer breaks off after %d bytes: %v", n, err)
	}
	return file, nil
}

// later opens a document when its turn in the answer comes. What goes wrong then cuts the answer off.
func (d *documents) later(ctx context.Context, r *Request) answer.Stream {
	return answer.Stream{Size: -1, Open: func() (io.ReadCloser, error) {
		resp, err := d.get(ctx, r)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}}
}

// requestPDF answers with all documents of an envelope as one (SOAP-REST.md §4.4).
func requestPDF(ctx context.Context, t *task) (*answer.Answer, error) {
	text := t.root.Value("EnvelopeID")
	query := combined(t.Operation, t.root)
	result := answer.Fields{"EnvelopeID": text}
	d := &documents{task: t}
	err := t.read(ctx, text, func(ctx context.Context, e envelope) error {
		r := &Request{Account: e.Account, Path: e.path("/documents/combined"), Query: query}
		s, err := d.now(ctx, r, t.Integration.SOAPREST.SafeDocuments == integration.SafeAlways)
		if err == nil {
			result["PDFBytes"] = s
		}
		return d.unlessDraft(ctx, e, err)
	})
	return d.answer(result, err)
}

// combined is what each operation asks for (SOAP-REST.md §1.2).
func combined(operation string, root *element.Element) url.Values {
	is := func(e *element.Element, name string) []string { return []string{strconv.FormatBool(e.True(name))} }
	switch options := root.Child("PDFOptions"); operation {
	case "RequestPDFNoWaterMark":
		return url.Values{"certificate": {"false"}, "watermark": {"false"}}
	case "RequestPDFWithCert":
		return url.Values{"certificate": {"true"}, "watermark": is(root, "AddWaterMark")}
	case "RequestPDFWithOptions":
		return url.Values{
			"certificate": is(options, "IncludeCert"), "watermark": is(options, "AddWaterMark"),
			"show_changes": is(options, "ShowChanges"),
		}
	}
	return url.Values{"certificate": {"false"}, "watermark": {"true"}}
}

// unlessDraft turns the refusal of a draft's document into none: SOAP answered without bytes (SOAP-REST.md §11.4). Only
// after such a refusal it is asked whether the envelope is a draft.
func (t *task) unlessDraft(ctx context.Context, e envelope, err error) error {
	if !refusedWith(err, http.StatusBadRequest) && !refusedWith(err, http.StatusNotFound) || absent(err) {
		return err
	}
	var now struct{ Status string }
	if failed := t.get(ctx, e.Account, e.path(""), nil, &now); failed != nil || now.Status != "created" {
		return err
	}
	return nil
}

// listed is a document in REST's list.
type listed map[string]any

func (l listed) id() string { return textOf(l["documentId"]) }

func (l listed) certificate() bool { return l.id() == certificate || textOf(l["type"]) == "summary" }

// place is where a document stands; the certificate is last.
func (l listed) place() (last, order int) {
	order, err := strconv.Atoi(textOf(l["order"]))
	if err != nil {
		order = 0 // then the list has the order
	}
	if l.certificate() {
		last = 1
	}
	return last, order
}

// choice is which documents an operation answers with.
type choice struct {
	keep  func(listed) bool
	query url.Values
}

// requestDocumentPDFs answers with each document by itself (SOAP-REST.md §4.4).
func requestDocumentPDFs(ctx context.Context, t *task) (*answer.Answer, error) {
	every := func(listed) bool { return true }
	return t.documents(ctx, choice{keep: every})
}

// requestPDFsWithOptions answers with the documents without the certificate, or with just one of them.
func requestPDFsWithOptions(ctx context.Context, t *task) (*answer.Answer, error) {
	options := t.root.Child("PDFsOptions")
	id := options.Value("DocumentID")
	return t.documents(ctx, choice{
		keep:  func(l listed) bool { return !l.certificate() && (id == "" || l.id() == id) },
		query: url.Values{"show_changes": {strconv.FormatBool(options.True("ShowChanges"))}},
	})
}

func (t *task) documents(ctx context.Context, c choice) (*answer.Answer, error) {
	text := t.root.Value("EnvelopeID")
	d := &documents{task: t}
	var fields []answer.Fields
	err := t.read(ctx, text, func(ctx context.Context, e envelope) error {
		var list struct {
			Documents []listed `json:"envelopeDocuments"`
		}
		if err := t.get(ctx, e.Account, e.path("/documents"), nil, &list); err != nil {
			return err
		}
		all := slices.DeleteFunc(list.Documents, func(l listed) bool { return !c.keep(l) })
		if len(all) == 0 && len(c.query) > 0 && t.root.At("PDFsOptions").Value("DocumentID") != "" {
			return fault.Named("Document_Does_Not_Exist", "The envelope has no such document.")
		}
		slices.SortStableFunc(all, func(a, b listed) int {
			aLast, aOrder := a.place()
			bLast, bOrder := b.place()
			return cmp.Or(cmp.Compare(aLast, bLast), cmp.Compare(aOrder, bOrder))
		})
		var err error
		fields, err = d.fields(ctx, e, c, all)
		return d.unlessDraft(ctx, e, err)
	})
	return d.answer(answer.Fields{"EnvelopeId": text, "DocumentPDF": fields}, err)
}

// fields are the documents in the answer.
func (d *documents) fields(ctx context.Context, e envelope, c choice, all []listed) ([]answer.Fields, error) {
	var ids []string
	var sum int64
	for _, l := range all {
		ids = append(ids, l.id())
		n, err := strconv.ParseInt(textOf(l["sizeBytes"]), 10, 64)
		if err != nil {
			n = 0 // the list does not tell; the spool has a bound of its own
		}
		sum += n
	}
	streams, err := d.streams(ctx, &Request{Account: e.Account, Path: e.path("/documents/"), Query: c.query}, ids, sum)
	if err != nil {
		return nil, err
	}
	var fields []answer.Fields
	for i, l := range all {
		fields = append(fields, d.writer.Document(l, streams[i]))
	}
	return fields, nil
}

// streams opens the first document, or reads all where that is safer, so that a refusal is a fault. The others come one
// after the other into the answer. The path of r ends before the id of a document; sum is the size of all, in bytes.
func (d *documents) streams(ctx context.Context, r *Request, ids []string, sum int64) (all []answer.Stream, err error) {
	whole := d.safe(sum)
	for i, id := range ids {
		one := *r
		one.Path += url.PathEscape(id)
		var s answer.Stream
		if whole || i == 0 {
			s, err = d.now(ctx, &one, whole)
		} else {
			s = d.later(ctx, &one)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// safe decides whether all documents are read before the answer begins (SOAP-REST.md §6.4). HTTP/1.0 needs the length.
func (d *documents) safe(sum int64) bool {
	mode := d.Integration.SOAPREST.SafeDocuments
	return d.HTTP10 || mode == integration.SafeAlways || mode == integration.SafeAuto && sum < maxSafe
}

// requestCertificate answers with the certificate alone.
func requestCertificate(ctx context.Context, t *task) (*answer.Answer, error) {
	text := t.root.Value("EnvelopeID")
	d := &documents{task: t}
	var fields []answer.Fields
	err := t.read(ctx, text, func(ctx context.Context, e envelope) (err error) {
		fields, err = d.fields(ctx, e, choice{}, []listed{{"documentId": certificate}})
		return d.unlessDraft(ctx, e, err)
	})
	return d.answer(answer.Fields{"EnvelopeId": text, "DocumentPDF": fields}, err)
}
