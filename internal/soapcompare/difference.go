package soapcompare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// difference is one thing in which two answers differ.
type difference struct {
	path, soap, rest string
	// known says why it may be so; "" = it may not.
	known string
	// hint says what to look at.
	hint string
}

const (
	absent  = "(absent)"
	inOrder = "in the order "
)

// differences compares two elements and all that is in them.
func differences(path string, soap, rest *node) []difference {
	if d, differ := shape(path, soap, rest); differ {
		return []difference{judged(d)}
	}
	var found []difference
	if len(soap.children)+len(rest.children) == 0 && soap.text != rest.text {
		found = append(found, judged(difference{path: path, soap: soap.text, rest: rest.text}))
	}
	for _, name := range names(soap, rest) {
		found = append(found, lists(path+"/"+name, named(soap, name), named(rest, name))...)
	}
	return append(found, ordered(path, names(soap), names(rest))...)
}

// lists compares the elements of one name: those with the same id, or else those in the same place.
func lists(path string, soap, rest []*node) (found []difference) {
	ids, theirs := identities(soap), identities(rest)
	if ids == nil || theirs == nil {
		for i := range max(len(soap), len(rest)) {
			at := path
			if max(len(soap), len(rest)) > 1 {
				at += fmt.Sprintf("[%d]", i+1)
			}
			found = append(found, differences(at, item(soap, i), item(rest, i))...)
		}
		return found
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(ids, theirs)))) {
		found = append(found, differences(path+"["+id+"]", item(soap, slices.Index(ids, id)),
			item(rest, slices.Index(theirs, id)))...)
	}
	return append(found, ordered(path, ids, theirs)...)
}

// ordered compares the order of those that both have.
func ordered(path string, soap, rest []string) []difference {
	common := func(list, other []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(list), func(s string) bool {
			return !slices.Contains(other, s)
		}), ", ")
	}
	soapOrder, restOrder := common(soap, rest), common(rest, soap)
	if soapOrder == restOrder {
		return nil
	}
	return []difference{judged(difference{path: path, soap: inOrder + soapOrder, rest: inOrder + restOrder})}
}

// identities are the ids of several elements; nil when one has none, or when two have the same.
func identities(list []*node) (ids []string) {
	for _, n := range list {
		id := ""
		for _, name := range []string{"AccountID", "EnvelopeID", "TemplateID", "TabLabel"} {
			if c := n.child(name); c != nil {
				id = cmp.Or(id, strings.ToLower(c.text))
			}
		}
		if id == "" || slices.Contains(ids, id) {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// shape compares whether both are there, and nil.
func shape(path string, soap, rest *node) (difference, bool) {
	differ := (soap == nil) != (rest == nil) || soap != nil && soap.isNil != rest.isNil
	return difference{path: path, soap: outline(soap), rest: outline(rest)}, differ
}

// outline is an element on one line.
func outline(n *node) string {
	switch {
	case n == nil:
		return absent
	case n.isNil:
		return "(nil)"
	case len(n.children) > 0:
		return "(elements)"
	}
	return n.text
}

// names lists the children's, each once.
func names(of ...*node) (list []string) {
	for _, n := range of {
		for _, c := range n.children {
			if !slices.Contains(list, c.name) {
				list = append(list, c.name)
			}
		}
	}
	return list
}

func named(n *node, name string) (list []*node) {
	for _, c := range n.children {
		if c.name == name {
			list = append(list, c)
		}
	}
	return list
}

func item(list []*node, i int) *node {
	if i >= 0 && i < len(list) {
		return list[i]
	}
	return nil
}

// allowance is a difference that may be.
type allowance struct {
	elements string // names, with spaces between
	may      func(soap, rest string) bool
	why      string
}

// allowances are the differences that are known (SOAP-REST.md §4.1, §4.2, §4.4, §11.2).
func allowances() []allowance {
	lost := func(_, rest string) bool { return rest == absent || rest == "" }
	return []allowance{
		{"TimeGenerated", areDates, "the time of the answer"},
		{"SenderIPAddress RecipientIPAddress AccountStatus TemplateName FormData IDCheckInformation VaultingDetails " +
			"EsignAgreementInformation RecipientAttachment EnvelopeAttachment", lost, "REST does not tell"},
		{"EnvelopePDFHash", lost, "REST has no hash"},
		{"DocumentID", func(soap, rest string) bool { return soap == "" && rest == absent },
			"the certificate's: soap_rest.certificate_document_id"},
		{"TabStatus Tab", func(soap, _ string) bool { return strings.HasPrefix(soap, inOrder) },
			"REST keeps tabs by their kinds"},
		{"PDFBytes", func(soap, rest string) bool { return isPDF(soap) && isPDF(rest) }, "a PDF is drawn anew each time"},
		{"XPosition YPosition", within(1), "rounded from whole points"},
		{"Created Deleted Sent Delivered Signed Completed Declined TimedOut ACStatusDate StatusChanged LastModified",
			within(0.01), "thousandths of a second are rounded"},
		{"Reason detail", func(_, _ string) bool { return true }, "the wording of a fault"},
	}
}

func within(most float64) func(soap, rest string) bool {
	return func(soap, rest string) bool {
		distance, ok := apart(soap, rest)
		return ok && math.Abs(distance) <= most
	}
}

func areDates(soap, rest string) bool {
	_, a := date(soap)
	_, b := date(rest)
	return a && b
}

// judged says whether a difference may be.
func judged(d difference) difference {
	name := d.path[strings.LastIndexByte(d.path, '/')+1:]
	name, _, _ = strings.Cut(name, "[")
	for _, a := range allowances() {
		if slices.Contains(strings.Fields(a.elements), name) && a.may(d.soap, d.rest) {
			d.known = a.why
			return d
		}
	}
	if areDates(d.soap, d.rest) {
		seconds, _ := apart(d.soap, d.rest)
		if hours := seconds / 3600; math.Abs(hours-math.Round(hours)) < 1e-4 {
			d.hint = fmt.Sprintf("REST is %+.0f h later: soap_rest.time_zone", hours)
		}
	}
	return d
}

// apart is how much later, or greater, the second is: in seconds for dates.
func apart(soap, rest string) (float64, bool) {
	a, isDate := date(soap)
	if b, both := date(rest); isDate && both {
		return b.Sub(a).Seconds(), true
	}
	x, err := strconv.ParseFloat(soap, 64)
	y, otherErr := strconv.ParseFloat(rest, 64)
	return y - x, err == nil && otherErr == nil
}

// date reads one with or without a zone.
func date(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// String is the difference on one line.
func (d difference) String() string {
	text := fmt.Sprintf("%s: SOAP %s, REST %s", d.path, brief(d.soap), brief(d.rest))
	if why := cmp.Or(d.known, d.hint); why != "" {
		text += " (" + why + ")"
	}
	return text
}

const mostShown = 120 // bytes of a text

// brief keeps a text on its line.
func brief(text string) string {
	if strings.HasPrefix(text, "(") {
		return text
	}
	if len(text) > mostShown {
		return fmt.Sprintf("%q… (%d bytes)", text[:mostShown/3], len(text))
	}
	return strconv.Quote(text)
}
