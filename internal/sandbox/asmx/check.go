// Package asmx is SOAP's side of the sandbox: it holds requests against the services' description, reads envelopes,
// templates and corrections into what package envelope takes, and writes answers as DocuSign wrote them
// (SOAP-REST.md §2, §4). It must share nothing with the proxy's own translation, which tests hold against it.
package asmx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the zone of SOAP's dates is there on every machine

	"docusign-auth-proxy/internal/sandbox/message"
	"docusign-auth-proxy/internal/services"
)

// Invalid is an element that the service's description does not allow. DocuSign names it so (SOAP-REST.md §5.2).
type Invalid struct{ Sentence string }

func (i *Invalid) Error() string { return "Validation error: " + i.Sentence }

func invalid(format string, values ...any) error { return &Invalid{fmt.Sprintf(format, values...)} }

// pacific is the zone of SOAP's dates (SOAP-REST.md §2.2).
var pacific = sync.OnceValue( //nolint:gochecknoglobals // read once, never changed
	func() *time.Location {
		zone, err := time.LoadLocation("America/Los_Angeles")
		if err != nil {
			panic(err) // time/tzdata has it
		}
		return zone
	})

const xsi = "http://www.w3.org/2001/XMLSchema-instance"

// Check holds the operation against the description. Elements that are nil are taken out; texts get one form: booleans
// are true or false, dates in UTC with their zone.
func Check(s *services.Service, m *message.SOAP) error {
	operation := s.Description().Operation(m.Operation)
	if operation == nil {
		return invalid("The operation '%s' is unknown.", m.Operation)
	}
	return checker{m, s.Namespace}.elements(m.Body, operation.In)
}

type checker struct {
	*message.SOAP
	namespace string
}

func (c checker) elements(e *message.Element, t *services.Type) error {
	e.Children = slices.DeleteFunc(e.Children, isNil)
	seen := map[string]bool{}
	for _, child := range e.Children {
		name := child.Name.Local
		kind := t.Element(name)
		if kind == nil || seen[name] && !kind.Many {
			return invalid("The element '%s' in namespace '%s' has invalid child element '%s'.", e.Name.Local, c.namespace, name)
		}
		seen[name] = true
		if err := c.element(child, kind); err != nil {
			return err
		}
	}
	return nil
}

func isNil(e *message.Element) bool {
	for _, a := range e.Attrs {
		if a.Name.Space == xsi && a.Name.Local == "nil" && (a.Value == "true" || a.Value == "1") {
			return true
		}
	}
	return false
}

func (c checker) element(e *message.Element, kind *services.Element) error {
	if kind.Type.Base == "" {
		return c.elements(e, kind.Type)
	}
	e.Raw = e.Text
	if e.Text == "" {
		e.Text = kind.Default
	}
	if kind.Type.Base == "base64Binary" {
		content, err := c.Content(e)
		if err != nil {
			return invalid("The '%s' element is invalid: %v.", e.Name.Local, err)
		}
		e.Content, e.Text, e.Raw, e.Children = &content, "", "", nil
		return nil
	}
	form, ok := canonical(kind.Type, e.Text)
	if !ok || len(e.Children) > 0 {
		return invalid("The '%s' element has an invalid value according to its data type.", e.Name.Local)
	}
	e.Text = form
	return nil
}

// canonical gives a text its one form.
func canonical(t *services.Type, text string) (string, bool) {
	trimmed := strings.TrimSpace(text)
	if len(t.Enum) > 0 {
		return trimmed, slices.Contains(t.Enum, trimmed)
	}
	var err error
	switch t.Base {
	case "boolean":
		form := map[string]string{"true": "true", "1": "true", "false": "false", "0": "false"}[trimmed]
		return form, form != ""
	case "dateTime":
		at, ok := date(trimmed)
		return at.UTC().Format(time.RFC3339Nano), ok
	case "decimal", "double":
		_, err = strconv.ParseFloat(trimmed, 64)
	case "unsignedShort":
		_, err = strconv.ParseUint(trimmed, 10, 16)
	case "int", "integer":
		_, err = strconv.Atoi(trimmed)
	case "positiveInteger", "nonNegativeInteger":
		var n uint64
		n, err = strconv.ParseUint(strings.TrimPrefix(trimmed, "+"), 10, 63)
		if n == 0 && t.Base == "positiveInteger" {
			return "", false
		}
	default:
		return text, true
	}
	return trimmed, err == nil
}

// date reads a time; one without a zone is Pacific (SOAP-REST.md §2.2).
func date(text string) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, true
	}
	at, err := time.ParseInLocation("2006-01-02T15:04:05.999999999", text, pacific())
	return at, err == nil
}
