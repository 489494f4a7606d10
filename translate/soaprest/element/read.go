package element

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soap"
	"docusign-auth-proxy/translate/soaprest/fault"
)

const (
	namespaceXSI = "http://www.w3.org/2001/XMLSchema-instance"

	maxText     = 4 << 20 // bytes of all texts and attributes (SOAP-REST.md §6.1)
	maxElements = 50_000
)

// Read reads the message of one operation of a service. Children may come in any order (SOAP-REST.md §2). What the
// description does not have, a limit or a full pool is a *fault.Fault, XML that is none a *soap.Error; any other error
// comes from message as it is.
func Read(
	contentType string, message io.Reader, s *services.Service, operation string, pool *spool.Pool,
) (*Message, error) {
	r := &reader{service: s, operation: operation, pool: pool, message: &Message{}}
	err := r.read(contentType, message)
	if err != nil {
		r.message.Close()
		return nil, err
	}
	return r.message, nil
}

// reader reads one message.
type reader struct {
	in        *soap.Stream
	service   *services.Service
	operation string
	pool      *spool.Pool
	message   *Message
	elements  int
	text      int // bytes
	documents documents
}

func (r *reader) read(contentType string, message io.Reader) (err error) {
	description := r.service.Description().Operation(r.operation)
	if description == nil {
		return fault.Refused(r.operation, "")
	}
	if r.in, err = soap.NewStream(contentType, message); err != nil {
		return err
	}
	if err := r.envelope(description); err != nil {
		return err
	}
	if err := r.parts(); err != nil {
		return err
	}
	r.message.Digest = digest(r.message.Root, r.documents.sums)
	return nil
}

// envelope reads all of the XML.
func (r *reader) envelope(o *services.Operation) error {
	if err := r.expect(soap.Start, "the message has no element"); err != nil {
		return err
	}
	envelope := r.in.Name()
	if envelope.Local != "Envelope" ||
		envelope.Namespace != soap.NamespaceSOAP11 && envelope.Namespace != soap.NamespaceSOAP12 {
		return fault.Invalid("the root element is not the Envelope of SOAP 1.1 or 1.2")
	}
	if err := r.section(envelope.Namespace); err != nil {
		return err
	}
	if err := r.body(o); err != nil {
		return err
	}
	if err := r.expect(soap.End, "'Body' has more than one element"); err != nil {
		return err
	}
	if err := r.expect(soap.End, "'Envelope' has more than its 'Body'"); err != nil {
		return err
	}
	return r.expect(soap.EOF, "")
}

// section reads on to the content of Body.
func (r *reader) section(namespace string) error {
	for {
		if err := r.expect(soap.Start, "'Envelope' has no 'Body'"); err != nil {
			return err
		}
		switch r.in.Name() {
		case soap.Name{Namespace: namespace, Local: "Body"}:
			return nil
		case soap.Name{Namespace: namespace, Local: "Header"}:
		default:
			return fault.Invalid("'Envelope' has an element that is neither its 'Header' nor its 'Body'")
		}
		if err := r.skip(); err != nil {
			return err
		}
	}
}

// body reads the element of the operation.
func (r *reader) body(o *services.Operation) (err error) {
	if err := r.expect(soap.Start, "'Body' has no element"); err != nil {
		return err
	}
	want := soap.Name{Namespace: r.service.Namespace, Local: o.Name}
	if r.in.Name() != want {
		return fault.Invalid("'%s' of namespace '%s' was expected in 'Body'", want.Local, want.Namespace)
	}
	r.message.Root, err = r.element(&services.Element{Name: o.Name, Type: o.In}, "")
	if err == nil && r.message.Root == nil {
		err = fault.Invalid("'%s' is nil", o.Name)
	}
	return err
}

// expect reads on to an event, over white space.
func (r *reader) expect(want soap.Event, otherwise string) error {
	for {
		e, err := r.in.Next()
		switch {
		case err != nil:
			return err
		case e == want:
			return nil
		case e != soap.Text || !blank(r.in.Text()):
			return fault.Invalid("%s", otherwise)
		}
	}
}

// skip reads to the end of the element that was begun.
func (r *reader) skip() error {
	for depth := 1; depth > 0; {
		e, err := r.in.Next()
		if err != nil {
			return err
		}
		switch e {
		case soap.Start:
			depth++
		case soap.End:
			depth--
		}
	}
	return nil
}

func blank(text string) bool { return strings.Trim(text, " \t\r\n") == "" }

// element reads the element that was begun; nil = it is as if absent. Paths leave out the operation.
func (r *reader) element(d *services.Element, path string) (*Element, error) {
	if r.elements++; r.elements > maxElements {
		return nil, fault.Invalid("the message has more than %d elements", maxElements)
	}
	e := &Element{Name: d.Name, Type: d.Type, Path: path}
	isNil, err := r.attributes(e)
	if err != nil {
		return nil, err
	}
	switch {
	case isNil:
		return nil, r.nothing(e, "is nil and has elements")
	case d.Type.Base == "base64Binary":
		err = r.document(e)
	case d.Type.Base != "":
		err = r.simple(e, d.Default)
	default:
		err = r.complex(e)
	}
	return e, err
}

// attributes keeps those that the description has; xsi:type and what is of other namespaces says nothing
// (SOAP-REST.md §2).
func (r *reader) attributes(e *Element) (isNil bool, err error) {
	for name, value := range r.in.Attributes {
		switch {
		case name.Namespace == namespaceXSI && name.Local == "nil":
			isNil = strings.TrimSpace(value) == "true" || strings.TrimSpace(value) == "1"
			continue
		case name.Namespace != "" && name.Namespace != r.service.Namespace:
			continue
		case name.Local == "href" || name.Local == "ref":
			// PHP refers to an object that comes twice; DocuSign reads an empty element there.
			return false, fault.Refused(r.operation, e.Path+"/@"+name.Local)
		}
		i := slices.IndexFunc(e.Type.Attributes, func(a services.Attribute) bool { return a.Name == name.Local })
		if i < 0 {
			continue
		}
		if err := r.keep(value); err != nil {
			return false, err
		}
		if !e.Type.Attributes[i].Type.Valid(value) {
			return false, r.invalid(e, "has an attribute '"+name.Local+"' that is no "+kind(e.Type.Attributes[i].Type))
		}
		if e.Attributes == nil {
			e.Attributes = map[string]string{}
		}
		e.Attributes[name.Local] = value
	}
	return isNil, nil
}

// keep counts a text that is kept.
func (r *reader) keep(text string) error {
	if r.text += len(text); r.text > maxText {
		return fault.Invalid("the message has more than %d bytes beside its documents", maxText)
	}
	return nil
}

func kind(t *services.Type) string {
	if t.Name == "" {
		return "word of its enumeration"
	}
	return t.Name
}

// invalid says what is wrong with an element.
func (r *reader) invalid(e *Element, what string) error {
	return fault.Invalid("'%s' of namespace '%s' %s, in %s", e.Name, r.service.Namespace, what, r.at(e.Path))
}

func (r *reader) at(path string) string { return strings.TrimSuffix(r.operation+" "+path, " ") }

// nothing reads to the end of an element that must have no elements.
func (r *reader) nothing(e *Element, otherwise string) error {
	for {
		event, err := r.in.Next()
		switch {
		case err != nil:
			return err
		case event == soap.Start:
			return r.invalid(e, otherwise)
		case event == soap.End:
			return nil
		}
	}
}

// simple reads a text.
func (r *reader) simple(e *Element, otherwise string) error {
	var all strings.Builder
	for {
		event, err := r.in.Next()
		switch {
		case err != nil:
			return err
		case event == soap.Start:
			return fault.Refused(r.operation, e.Path+"/"+r.in.Name().Local)
		case event == soap.End:
			e.Text = all.String()
			return r.check(e, otherwise)
		}
		text := r.in.Text()
		if err := r.keep(text); err != nil {
			return err
		}
		all.WriteString(text)
	}
}

// check holds a text against its type.
func (r *reader) check(e *Element, otherwise string) error {
	if e.Text == "" {
		e.Text = otherwise
	}
	if e.Type.Base != "string" || len(e.Type.Enum) > 0 {
		e.Text = strings.Trim(e.Text, " \t\r\n")
	}
	if !e.Type.Valid(e.Text) {
		return r.invalid(e, "is no "+kind(e.Type))
	}
	return nil
}

// complex reads elements.
func (r *reader) complex(e *Element) error {
	counts := make([]int, len(e.Type.Elements))
	for {
		event, err := r.in.Next()
		switch {
		case err != nil:
			return err
		case event == soap.End:
			return nil
		case event == soap.Text && !blank(r.in.Text()):
			return r.invalid(e, "has text beside its elements")
		case event == soap.Text:
			continue
		}
		child, err := r.child(e, counts)
		if err != nil {
			return err
		}
		if child != nil {
			e.Children = append(e.Children, child)
		}
	}
}

// child reads the child of e that was begun. counts are how often each has come.
func (r *reader) child(e *Element, counts []int) (*Element, error) {
	name := r.in.Name()
	path := strings.TrimPrefix(e.Path+"/"+name.Local, "/")
	i := slices.IndexFunc(e.Type.Elements, func(d services.Element) bool { return d.Name == name.Local })
	switch {
	case i < 0:
		return nil, fault.Refused(r.operation, path)
	case name.Namespace != r.service.Namespace:
		return nil, fault.Invalid("'%s' was expected in namespace '%s', in %s",
			name.Local, r.service.Namespace, r.at(path))
	}
	d := &e.Type.Elements[i]
	counts[i]++
	if d.Many {
		path = fmt.Sprintf("%s[%d]", path, counts[i])
	} else if counts[i] > 1 {
		return nil, r.invalid(&Element{Name: d.Name, Path: path}, "comes twice")
	}
	return r.element(d, path)
}
