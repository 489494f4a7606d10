package answer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// walk goes over an answer by its description and writes it, or counts its bytes.
type walk struct {
	*Writer

	to      io.Writer // nil = count alone
	written int64
	err     error // of to; what comes after it is not written
	open    bool  // a start tag has no end yet
	// streams = there was a Stream; unknown = there was one without a size.
	streams, unknown bool
}

func (k *walk) raw(s string) {
	k.written += int64(len(s))
	if k.to != nil && k.err == nil {
		_, k.err = io.WriteString(k.to, s)
	}
}

func (k *walk) text(s string) {
	k.inside(len(s))
	k.raw(s)
}

func (k *walk) bytes(b []byte) {
	k.inside(len(b))
	k.written += int64(len(b))
	if k.err == nil {
		_, k.err = k.to.Write(b)
	}
}

// inside ends the start tag before content of that length.
func (k *walk) inside(length int) {
	if k.open && length > 0 {
		k.open = false
		k.raw(">")
	}
}

func (k *walk) start(name, attributes string) {
	k.text("<" + name + attributes)
	k.open = true
}

// end writes elements without content as .NET does.
func (k *walk) end(name string) {
	if k.open {
		k.open = false
		k.raw(" />")
		return
	}
	k.raw("</" + name + ">")
}

// members writes the elements of a type in their order.
func (k *walk) members(t *services.Type, f Fields) error {
	if err := k.others(t, f); err != nil {
		return err
	}
	for i := range t.Elements {
		e := &t.Elements[i]
		if err := k.member(e, f[e.Name]); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	return nil
}

// others refuses names that the type does not have.
func (k *walk) others(t *services.Type, f Fields) error {
	count := 0
	for i := range t.Elements {
		if _, given := f[t.Elements[i].Name]; given {
			count++
		}
	}
	if count == len(f) { // as always, and faster than to look for each
		return nil
	}
	for name := range f {
		if !k.known(t, name) {
			return fmt.Errorf("%q is no element of %s", name, t.Name)
		}
	}
	return nil
}

// known reports whether the type has the element or attribute, in this service or in the other one of its namespace:
// dsapi.asmx lacks some that api.asmx has, and an answer goes without them there (SOAP-REST.md §2).
func (k *walk) known(t *services.Type, name string) bool {
	if attribute, is := strings.CutPrefix(name, "@"); is {
		return slices.ContainsFunc(t.Attributes, func(a services.Attribute) bool { return a.Name == attribute })
	}
	if name == "" {
		return t.Base != ""
	}
	return t.Element(name) != nil || slices.ContainsFunc(services.All(), func(s *services.Service) bool {
		other := s.Description().Type(t.Name)
		return s.Namespace == k.Service.Namespace && other != nil && other.Element(name) != nil
	})
}

// member writes an element, all of them where there are many.
func (k *walk) member(e *services.Element, value any) error {
	switch v := value.(type) {
	case nil:
		return k.absent(e)
	case Fields:
		if v == nil {
			return k.absent(e)
		}
	case []Fields:
		return many(k, e, v)
	case []string:
		return many(k, e, v)
	case Each:
		if !e.Many {
			return errors.New("there is one alone")
		}
		return v(func(f Fields) error { return k.one(e, f) })
	}
	return k.one(e, value)
}

func many[T any](k *walk, e *services.Element, values []T) error {
	if !e.Many && len(values) != 1 {
		return errors.New("there is one alone")
	}
	for _, v := range values {
		if err := k.one(e, v); err != nil {
			return err
		}
	}
	return nil
}

func (k *walk) absent(e *services.Element) error {
	switch {
	case e.Min == 0:
		return nil
	case e.Nillable:
		return k.one(e, Nil{})
	}
	return fault.Server("DocuSign gave no %s", e.Name)
}

func (k *walk) one(e *services.Element, value any) error {
	switch v := value.(type) {
	case Nil:
		if !e.Nillable {
			return errors.New("it must not be nil")
		}
		k.start(e.Name, ` xsi:nil="true"`)
	case empty:
		k.start(e.Name, "")
	case Fields:
		return k.fields(e, v)
	case Stream:
		if e.Type.Base != "base64Binary" {
			return errors.New("it holds no bytes")
		}
		k.start(e.Name, "")
		if err := k.stream(v); err != nil {
			return err
		}
	default:
		text, err := k.simple(e, v)
		if err != nil {
			return err
		}
		k.leaf(e.Name, "", text)
		return nil
	}
	k.end(e.Name)
	return nil
}

func (k *walk) leaf(name, attributes, text string) {
	k.start(name, attributes)
	k.text(escape(text))
	k.end(name)
}

// fields writes an element with what it holds; "" is its text.
func (k *walk) fields(e *services.Element, f Fields) error {
	var attributes strings.Builder
	for _, a := range e.Type.Attributes {
		value, is := f["@"+a.Name].(string)
		switch {
		case !is && f["@"+a.Name] != nil:
			return fmt.Errorf("attribute %s is no text", a.Name)
		case !is:
			continue
		case a.Qualified: // its name is in the service's namespace (SOAP-REST.md §2)
			fmt.Fprintf(&attributes, ` xmlns:d="%s" d:%s="%s"`, k.Service.Namespace, a.Name, quote(value))
		default:
			fmt.Fprintf(&attributes, ` %s="%s"`, a.Name, quote(value))
		}
	}
	if e.Type.Base == "" {
		k.start(e.Name, attributes.String())
		if err := k.members(e.Type, f); err != nil {
			return err
		}
		k.end(e.Name)
		return nil
	}
	if err := k.others(e.Type, f); err != nil {
		return err
	}
	text, err := k.simple(e, f[""])
	if err != nil {
		return err
	}
	k.leaf(e.Name, attributes.String(), text)
	return nil
}

// simple is the text of a value. Words that the description does not have are no mistake of the proxy's: DocuSign has
// new ones, and a guess would be read as true (SOAP-REST.md §2.1).
func (k *walk) simple(e *services.Element, value any) (string, error) {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case bool:
		text = strconv.FormatBool(v)
	case int:
		text = strconv.Itoa(v)
	case time.Time:
		text = k.date(v, e)
	default:
		return "", fmt.Errorf("no element can hold a %T", value)
	}
	if e.Type.Base == "" {
		return "", errors.New("it holds elements and no text")
	}
	switch {
	case e.Type.Valid(text):
		return text, nil
	case len(e.Type.Enum) > 0:
		return "", fault.Server("DocuSign's word %.40q has no place in %s", text, e.Name)
	}
	return "", fault.Server("what DocuSign gave is no %s for %s", e.Type.Base, e.Name)
}

// stream writes bytes in base64, in multiples of three (SOAP-REST.md §6.4).
func (k *walk) stream(s Stream) error {
	k.streams, k.unknown = true, k.unknown || s.Size < 0
	if k.to == nil {
		n := base64.StdEncoding.EncodedLen(int(max(s.Size, 0)))
		k.inside(n)
		k.written += int64(n)
		return nil
	}
	r, err := s.Open()
	if err != nil {
		return err
	}
	err = k.encode(r, s.Size)
	return errors.Join(err, r.Close())
}

func (k *walk) encode(r io.Reader, size int64) error {
	const step = 48 << 10
	in, out := make([]byte, step), make([]byte, step/3*4)
	for total := int64(0); ; {
		n, err := fill(r, in)
		total += int64(n)
		if err != nil && err != io.EOF {
			return err
		}
		if size >= 0 && (total > size || err == io.EOF && total < size) {
			return fmt.Errorf("a document of %d bytes, not %d", total, size)
		}
		base64.StdEncoding.Encode(out, in[:n])
		k.bytes(out[:base64.StdEncoding.EncodedLen(n)])
		if err == io.EOF || k.err != nil {
			return k.err
		}
	}
}

// fill reads until b is full. It gives io.EOF at the end alone, where io.ReadFull gives io.ErrUnexpectedEOF, which is
// also what a connection that breaks gives.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}
