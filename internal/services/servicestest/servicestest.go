// Package servicestest holds messages against the facts of a SOAP service. Tests call it.
package servicestest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/services"
)

const xsi = "http://www.w3.org/2001/XMLSchema-instance"

type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

// Check takes an envelope whose body is one operation of s, or its answer, and tells what the service's WSDL does not
// allow in it: elements, their order, number and namespace, attributes and texts. A fault is an error.
func Check(s *services.Service, envelope string) error {
	var root node
	if err := xml.Unmarshal([]byte(envelope), &root); err != nil {
		return err
	}
	for _, part := range root.Children {
		if part.XMLName.Local == "Body" && part.XMLName.Space == root.XMLName.Space {
			if len(part.Children) != 1 {
				return fmt.Errorf("%d elements in the body", len(part.Children))
			}
			return checkOperation(s, &part.Children[0])
		}
	}
	return errors.New("no body")
}

func checkOperation(s *services.Service, n *node) error {
	e := services.Element{Name: n.XMLName.Local}
	answered, isAnswer := strings.CutSuffix(e.Name, "Response")
	if o := s.Description().Operation(e.Name); o != nil {
		e.Type = o.In
	} else if o = s.Description().Operation(answered); o != nil && isAnswer {
		e.Type = o.Answer
	} else {
		return fmt.Errorf("%s is no operation of %s", e.Name, s.Path)
	}
	return checkElement(s.Namespace, &e, n)
}

func checkElement(namespace string, e *services.Element, n *node) error {
	name := n.XMLName.Local
	if n.XMLName.Space != namespace {
		return fmt.Errorf("%s is in namespace %q", name, n.XMLName.Space)
	}
	isNil, err := checkAttributes(namespace, e, n)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case isNil || e.Type.Any:
		return nil
	case e.Type.Base == "":
		return checkElements(namespace, e.Type, n)
	case len(n.Children) > 0:
		return fmt.Errorf("%s has elements", name)
	}
	text := n.Text
	if text == "" && e.Default != "" {
		text = e.Default
	}
	if !e.Type.Valid(text) {
		return fmt.Errorf("%s: %q is no %s%s", name, text, e.Type.Base, e.Type.Name)
	}
	return nil
}

func checkElements(namespace string, t *services.Type, n *node) error {
	rest := n.Children
	for i := range t.Elements {
		e := &t.Elements[i]
		count := 0
		for len(rest) > 0 && rest[0].XMLName.Local == e.Name && (count == 0 || e.Many) {
			if err := checkElement(namespace, e, &rest[0]); err != nil {
				return fmt.Errorf("%s: %w", n.XMLName.Local, err)
			}
			rest, count = rest[1:], count+1
		}
		if count < e.Min {
			return fmt.Errorf("%s: %s is missing", n.XMLName.Local, e.Name)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s: %s is out of place", n.XMLName.Local, rest[0].XMLName.Local)
	}
	return nil
}

// checkAttributes tells whether the element is nil, too.
func checkAttributes(namespace string, e *services.Element, n *node) (isNil bool, err error) {
	for _, a := range n.Attrs {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns":
		case a.Name.Space == xsi:
			isNil = isNil || a.Name.Local == "nil" && (a.Value == "true" || a.Value == "1")
		case !slices.ContainsFunc(e.Type.Attributes, func(want services.Attribute) bool {
			space := ""
			if want.Qualified {
				space = namespace
			}
			return a.Name == (xml.Name{Space: space, Local: want.Name}) && want.Type.Valid(a.Value)
		}):
			return isNil, fmt.Errorf("attribute %s %q", a.Name.Local, a.Value)
		}
	}
	if isNil && !e.Nillable {
		return isNil, errors.New("it must not be nil")
	}
	for _, want := range e.Type.Attributes {
		has := slices.ContainsFunc(n.Attrs, func(a xml.Attr) bool { return a.Name.Local == want.Name })
		if want.Required && !has {
			return isNil, errors.New("attribute " + want.Name + " is missing")
		}
	}
	return isNil, nil
}
