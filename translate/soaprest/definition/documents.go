package definition

import (
	"path"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// documents makes the documents of a whole envelope, each with its bytes as a part of its own (SOAP-REST.md §11.11),
// and gives their IDs. Documents may be absent, but not empty (pair 21).
func (m *maker) documents(e *element.Element) (map[string]bool, error) {
	if e == nil {
		return map[string]bool{}, nil
	}
	objects, files, err := m.listed(e, "whole")
	switch {
	case err != nil:
		return nil, err
	case len(objects) == 0:
		return nil, fault.Invalid("'Documents' has no 'Document' in %s", m.operation)
	}
	ids := map[string]bool{}
	for i, o := range objects {
		if files[i] == nil {
			return nil, fault.Invalid("'PDFBytes' is missing or empty in '%s'", e.All("Document")[i].Path)
		}
		id := o["documentId"].(string)
		ids[id] = true
		m.Documents = append(m.Documents, Document{ID: id, Extension: o["fileExtension"].(string), Bytes: files[i]})
	}
	m.Object["documents"] = objects
	return ids, nil
}

// listed makes the documents of a Documents element; a document without bytes has no file.
func (m *maker) listed(e *element.Element, kind string) ([]Object, []*spool.File, error) {
	var objects []Object
	var files []*spool.File
	for i, c := range e.All("Document") {
		o, file, err := m.document(c, kind)
		if err != nil {
			return nil, nil, err
		}
		o["order"] = strconv.Itoa(i + 1)
		objects, files = append(objects, o), append(files, file)
	}
	return objects, files, m.identify("Document", "documentId", objects)
}

// document makes one; kind is whole, or part of a template.
func (m *maker) document(e *element.Element, kind string) (Object, *spool.File, error) {
	o, err := m.object(e, kind)
	if err != nil {
		return nil, nil, err
	}
	extension, given := o["fileExtension"].(string)
	if extension = strings.TrimLeft(strings.TrimSpace(extension), "."); !given || extension == "" {
		extension = extensionOf(e.Value("Name"))
	}
	o["fileExtension"] = extension
	pdf := e.Child("PDFBytes")
	if pdf == nil || pdf.Bytes == nil || pdf.Bytes.Size() == 0 {
		return o, nil, nil
	}
	return o, pdf.Bytes, nil
}

// part makes a document of a template, with its bytes inside JSON: how parts are tied to composite templates is not
// confirmed (SOAP-REST.md §6.1).
func (c *composites) part(e *element.Element) (Object, error) {
	o, file, err := c.document(e, "part")
	if file != nil {
		o["documentBase64"] = Base64{file}
	}
	return o, err
}

// extensionOf is that of a file's name; REST wants one, and SOAP took what had none for a PDF (SOAP-REST.md §3.2).
func extensionOf(name string) string {
	extension := strings.TrimPrefix(path.Ext(strings.TrimSpace(name)), ".")
	if contentType(extension) == anything {
		return "pdf"
	}
	return extension
}

const anything = "application/octet-stream"

// contentType is that of a file with that extension, for the kinds that DocuSign takes most.
func contentType(extension string) string {
	const office = "application/vnd.openxmlformats-officedocument."
	known, found := map[string]string{
		"pdf": "application/pdf", "rtf": "application/rtf", "txt": "text/plain", "csv": "text/csv",
		"htm": "text/html", "html": "text/html", "xml": "text/xml", "msg": "application/vnd.ms-outlook",
		"doc": "application/msword", "docx": office + "wordprocessingml.document",
		"xls": "application/vnd.ms-excel", "xlsx": office + "spreadsheetml.sheet",
		"ppt": "application/vnd.ms-powerpoint", "pptx": office + "presentationml.presentation",
		"gif": "image/gif", "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png",
		"bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff",
	}[strings.ToLower(extension)]
	if !found {
		return anything
	}
	return known
}
