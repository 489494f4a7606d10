package answer

// Document makes a DocumentPDF of a document of REST's list, whose bytes come while they are read (SOAP-REST.md §4.4).
func (w *Writer) Document(document map[string]any, bytes Stream) Fields {
	o := object(document)
	certificate := o.text("type") == "summary" || o.text("documentId") == "certificate"
	f := Fields{"Name": o.text("name"), "PDFBytes": bytes}
	if certificate {
		f["Name"] = "Summary"
	}
	if w.Operation == "RequestDocumentPDFs" && !w.Full {
		return f
	}
	f["DocumentType"], f["DocumentID"] = "CONTENT", o.natural("documentId", 1)
	if certificate {
		f["DocumentType"] = "SUMMARY"
		if w.CertificateEmpty {
			f["DocumentID"] = empty{}
		}
	}
	return f
}
