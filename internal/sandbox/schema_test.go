package sandbox

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// schema is the part of a WSDL's XML Schema that the services use.
type schema struct {
	Elements []xsElement `xml:"types>schema>element"`
	Complex  []xsComplex `xml:"types>schema>complexType"`
	Simple   []xsSimple  `xml:"types>schema>simpleType"`
}

type xsElement struct {
	Name     string     `xml:"name,attr"`
	Type     string     `xml:"type,attr"`
	Min      string     `xml:"minOccurs,attr"`
	Max      string     `xml:"maxOccurs,attr"`
	Nillable bool       `xml:"nillable,attr"`
	Inline   *xsComplex `xml:"complexType"`
}

type xsComplex struct {
	Name     string      `xml:"name,attr"`
	Elements []xsElement `xml:"sequence>element"`
}

type xsSimple struct {
	Name  string `xml:"name,attr"`
	Enums []struct {
		Value string `xml:"value,attr"`
	} `xml:"restriction>enumeration"`
}

// node is any element.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

// schemas holds what was parsed, by file: parsing one takes longer than a test.
var schemas sync.Map

func loadSchema(t *testing.T, service *soapService) schema {
	t.Helper()
	if s, ok := schemas.Load(service.wsdl); ok {
		return s.(schema)
	}
	var s schema
	if err := xml.Unmarshal(service.description(), &s); err != nil {
		t.Fatal(err)
	}
	schemas.Store(service.wsdl, s)
	return s
}

// check validates a node against the global element of its name: order, occurrence, namespace and simple types.
func (s schema) check(n node, namespace string) error {
	for _, e := range s.Elements {
		if e.Name == n.XMLName.Local {
			return s.element(n, e, namespace)
		}
	}
	return fmt.Errorf("no element %s in the schema", n.XMLName.Local)
}

func (s schema) element(n node, e xsElement, namespace string) error {
	if n.XMLName.Space != namespace {
		return fmt.Errorf("%s is in namespace %q", n.XMLName.Local, n.XMLName.Space)
	}
	for _, a := range n.Attrs {
		if a.Name.Local == "nil" && a.Value == "true" {
			if !e.Nillable {
				return fmt.Errorf("%s must not be nil", e.Name)
			}
			return nil
		}
	}
	if e.Inline != nil {
		return s.sequence(n, *e.Inline, namespace)
	}
	name := e.Type[strings.IndexByte(e.Type, ':')+1:]
	if strings.HasPrefix(e.Type, "s:") {
		return builtin(name, n)
	}
	for _, c := range s.Complex {
		if c.Name == name {
			return s.sequence(n, c, namespace)
		}
	}
	for _, simple := range s.Simple {
		if simple.Name != name {
			continue
		}
		for _, v := range simple.Enums {
			if v.Value == n.Text {
				return nil
			}
		}
		return fmt.Errorf("%s: %q is no %s", e.Name, n.Text, name)
	}
	return fmt.Errorf("no type %s", e.Type)
}

func (s schema) sequence(n node, c xsComplex, namespace string) error {
	rest := n.Children
	for _, e := range c.Elements {
		count := 0
		for len(rest) > 0 && rest[0].XMLName.Local == e.Name && (count == 0 || e.Max == "unbounded") {
			if err := s.element(rest[0], e, namespace); err != nil {
				return fmt.Errorf("%s: %w", n.XMLName.Local, err)
			}
			rest, count = rest[1:], count+1
		}
		if count == 0 && e.Min != "0" {
			return fmt.Errorf("%s: %s is missing", n.XMLName.Local, e.Name)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s: unexpected %s", n.XMLName.Local, rest[0].XMLName.Local)
	}
	return nil
}

func builtin(name string, n node) error {
	var err error
	switch name {
	case "string":
	case "boolean":
		if !slices.Contains([]string{"true", "false", "0", "1"}, n.Text) {
			err = fmt.Errorf("%q", n.Text)
		}
	case "dateTime":
		_, err = time.Parse(time.RFC3339Nano, n.Text)
	case "positiveInteger", "unsignedShort":
		_, err = strconv.ParseUint(n.Text, 10, 16)
	case "base64Binary":
		_, err = base64.StdEncoding.DecodeString(n.Text)
	default:
		err = fmt.Errorf("type %s is not checked here", name)
	}
	if err == nil && len(n.Children) > 0 {
		err = fmt.Errorf("it has children")
	}
	if err != nil {
		return fmt.Errorf("%s is no %s: %w", n.XMLName.Local, name, err)
	}
	return nil
}

// soapBody parses an envelope and returns the child of its body.
func soapBody(t *testing.T, text string) (version string, child node) {
	t.Helper()
	var envelope node
	if err := xml.Unmarshal([]byte(text), &envelope); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, part := range envelope.Children {
		if part.XMLName.Local == "Body" && len(part.Children) == 1 {
			return envelope.XMLName.Space, part.Children[0]
		}
	}
	t.Fatalf("no body in %s", text)
	return "", node{}
}
