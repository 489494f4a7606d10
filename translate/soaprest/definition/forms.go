package definition

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// FromTemplatesAndForms is the definition for CreateEnvelopeFromTemplatesAndForms (SOAP-REST.md §3.1, §4.8).
func FromTemplatesAndForms(operation string, root *element.Element, s Settings) (*Definition, error) {
	c, err := begin(operation, root, s)
	if err != nil {
		return nil, err
	}
	templates := root.Child("CompositeTemplates").All("CompositeTemplate")
	if len(templates) == 0 {
		return nil, fault.Invalid("'CompositeTemplates' has no 'CompositeTemplate' in %s", operation)
	}
	for _, e := range templates {
		if err := c.composite(e); err != nil {
			return nil, err
		}
	}
	return c.end()
}

// ordered is a template in a composite template.
type ordered struct {
	object Object
	// member is where the sequence stands.
	member   string
	sequence int
}

// composite adds what a CompositeTemplate says.
func (c *composites) composite(e *element.Element) error {
	var all []*ordered
	var server, inline []Object
	keep := func(from *element.Element, o Object, member string) error {
		sequence, err := sequenceOf(from)
		all = append(all, &ordered{o, member, sequence})
		return err
	}
	for _, s := range e.Child("ServerTemplates").All("ServerTemplate") {
		id, isGUID := templateID(s.Value("TemplateID"))
		if !isGUID {
			return fault.Invalid("'%s/TemplateID' is no GUID", s.Path)
		}
		o := Object{"templateId": id}
		if err := keep(s, o, "sequence"); err != nil {
			return err
		}
		server = append(server, o)
	}
	for _, i := range e.Child("InlineTemplates").All("InlineTemplate") {
		o, err := c.inlineOf(i.Child("Envelope"))
		if err == nil {
			err = keep(i, o, "sequence")
		}
		if err != nil {
			return err
		}
		inline = append(inline, o)
	}
	if c.fields != nil {
		o := Object{}
		if inline == nil {
			inline = []Object{o}
			all = append(all, &ordered{o, "sequence", math.MaxInt})
		}
		inline[0]["customFields"], c.fields = joined(inline[0]["customFields"], c.fields), nil
	}
	whole, err := c.add(server, inline, e.Child("Document"))
	if err != nil {
		return err
	}
	if p := e.Child("PDFMetaDataTemplate"); p != nil {
		if err := keep(p, whole, "pdfMetaDataTemplateSequence"); err != nil {
			return err
		}
	}
	order(all)
	return nil
}

// order passes the sequences on. Where two are the same or one is absent, which REST does not take, all get new ones in
// the same order, server templates before the others.
func order(all []*ordered) {
	slices.SortStableFunc(all, func(a, b *ordered) int { return cmp.Compare(a.sequence, b.sequence) })
	distinct := true
	for i, t := range all {
		distinct = distinct && t.sequence != math.MaxInt && (i == 0 || all[i-1].sequence < t.sequence)
	}
	for i, t := range all {
		if !distinct {
			t.sequence = i + 1
		}
		t.object[t.member] = strconv.Itoa(t.sequence)
	}
}

// inlineOf makes an inline template of an Envelope, which may be absent.
func (c *composites) inlineOf(e *element.Element) (Object, error) {
	o := Object{}
	if e == nil {
		return o, nil
	}
	envelope, err := c.object(e, "inline")
	if err != nil {
		return nil, err
	}
	if id := trimmed(e.Value("AccountId")); id != "" && id != c.AccountID {
		return nil, c.refuse(e.Child("AccountId"), " that is not the one of EnvelopeInformation")
	}
	if v := envelope["customFields"]; v != nil {
		o["customFields"] = v
		delete(envelope, "customFields")
	}
	if len(envelope) > 0 {
		o["envelope"] = envelope
	}
	documents, err := c.inlineDocuments(e.Child("Documents"))
	if err != nil {
		return nil, err
	}
	if documents != nil {
		o["documents"] = documents
	}
	parties, err := c.parties(e.Child("Recipients"))
	if err != nil {
		return nil, err
	}
	if err := c.hang(parties, e.Child("Tabs"), &tabPlace{template: true}); err != nil {
		return nil, err
	}
	if len(parties) > 0 {
		o["recipients"] = gather(parties)
	}
	return o, nil
}

// inlineDocuments have their bytes inside JSON, as all of composite templates.
func (c *composites) inlineDocuments(e *element.Element) ([]Object, error) {
	objects, files, err := c.listed(e, "part")
	for i, f := range files {
		if f != nil {
			objects[i]["documentBase64"] = Base64{f}
		}
	}
	return objects, err
}
