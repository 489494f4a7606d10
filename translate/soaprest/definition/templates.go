package definition

import (
	"cmp"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// composites is a definition made of composite templates.
type composites struct {
	*maker

	// fields are the custom fields of the envelope: REST reads them in an inline template alone (SOAP-REST.md §3.1).
	fields any
	// all are the composite templates so far, documents those in them, servers those templates of DocuSign's that they
	// use.
	all, documents []Object
	servers        int
}

// begin makes the root of either operation with templates.
func begin(operation string, root *element.Element, s Settings) (*composites, error) {
	c := &composites{maker: newMaker(operation, s, root.True("ActivateEnvelope"))}
	information := root.Child("EnvelopeInformation")
	if err := c.root(information, "EnvelopeInformation", "information"); err != nil {
		return nil, err
	}
	c.fields = c.Object["customFields"]
	delete(c.Object, "customFields")
	return c, c.checkSubject(information)
}

// add adds a composite template of server templates, inline templates and a document; each may be nil.
func (c *composites) add(server, inline []Object, document *element.Element) (Object, error) {
	o := Object{"compositeTemplateId": strconv.Itoa(len(c.all) + 1)}
	if server != nil {
		o["serverTemplates"] = server
	}
	if inline != nil {
		o["inlineTemplates"] = inline
	}
	if document != nil {
		d, err := c.part(document)
		if err != nil {
			return nil, err
		}
		o["document"] = d
		c.documents = append(c.documents, d)
	}
	c.servers += len(server)
	c.all = append(c.all, o)
	return o, nil
}

// end finishes the definition. Drafts of several templates need to be told that a role is one role (SOAP-REST.md §4.8).
func (c *composites) end() (*Definition, error) {
	if err := c.identify("Document", "documentId", c.documents); err != nil {
		return nil, err
	}
	c.Object["compositeTemplates"] = c.all
	if c.servers > 1 && !c.activate {
		c.Query = url.Values{"merge_roles_on_draft": {"true"}}
	}
	return c.finish()
}

// templateID is the GUID of a template of DocuSign's.
func templateID(text string) (string, bool) {
	id := strings.ToLower(strings.Trim(trimmed(text), "{} "))
	return id, shown.GUID(id)
}

// sequenceOf is that of an element; without one it comes behind all others.
func sequenceOf(e *element.Element) (int, error) {
	s := e.Child("Sequence")
	if s == nil {
		return math.MaxInt, nil
	}
	n, err := strconv.Atoi(trimmed(s.Text))
	if err != nil || n < 1 {
		return 0, fault.Invalid("'%s' is no sequence", s.Path)
	}
	return n, nil
}

// reference is a TemplateReference with those who sign what it stands for.
type reference struct {
	*element.Element

	id       string
	sequence int
	cast     []*party
}

// FromTemplates is the definition for CreateEnvelopeFromTemplates (SOAP-REST.md §4.8). template reads a template of the
// account; its errors are passed on.
func FromTemplates(
	operation string, root *element.Element, s Settings, template func(id string) (*Template, error),
) (*Definition, error) {
	c, err := begin(operation, root, s)
	if err != nil {
		return nil, err
	}
	if c.Object["notification"] == nil { // SOAP took no reminders from the templates (SOAP-REST.md §3.5)
		c.Object["notification"] = Object{"useAccountDefaults": "true"}
	}
	references, err := c.references(root.Child("TemplateReferences"))
	if err != nil {
		return nil, err
	}
	parties, err := c.parties(root.Child("Recipients"))
	if err != nil {
		return nil, err
	}
	if err := c.assign(parties, references, template); err != nil {
		return nil, err
	}
	for _, r := range references {
		if err := c.hang(r.cast, r.Child("AdditionalTabs"), &tabPlace{template: true}); err != nil {
			return nil, err
		}
		if err := c.fill(r, template); err != nil {
			return nil, err
		}
		server := []Object{{"sequence": "1", "templateId": r.id}}
		if _, err := c.add(server, c.inline(r.cast), r.Child("Document")); err != nil {
			return nil, err
		}
	}
	return c.end()
}

// inline is the inline template behind a server template; the first has the fields of the envelope, too.
func (c *composites) inline(cast []*party) []Object {
	o := Object{"sequence": "2"}
	if len(cast) > 0 {
		o["recipients"] = gather(cast)
	}
	if c.fields != nil {
		o["customFields"], c.fields = c.fields, nil
	}
	if len(o) == 1 {
		return nil
	}
	return []Object{o}
}

// references are in the order of their sequence.
func (c *composites) references(e *element.Element) ([]*reference, error) {
	var all []*reference
	for _, r := range e.All("TemplateReference") {
		id, isGUID := templateID(r.Value("Template"))
		switch location := trimmed(r.Value("TemplateLocation")); {
		case location == "Server" && !isGUID:
			return nil, fault.Invalid("'%s/Template' is no GUID", r.Path)
		case location == "Server", location == "" && isGUID: // without a location, but a common mistake
		default:
			return nil, c.refuse(r, "/TemplateLocation that is not Server")
		}
		if attachments := r.Child("TemplateAttachments"); attachments != nil {
			if v, err := content(c.maker, attachments); v != nil || err != nil {
				return nil, c.refuse(attachments, "")
			}
		}
		sequence, err := sequenceOf(r)
		if err != nil {
			return nil, err
		}
		all = append(all, &reference{Element: r, id: id, sequence: sequence})
	}
	if all == nil {
		return nil, fault.Invalid("'TemplateReferences' has no 'TemplateReference' in %s", c.operation)
	}
	slices.SortStableFunc(all, func(a, b *reference) int { return cmp.Compare(a.sequence, b.sequence) })
	return all, nil
}

// join adds a copy of a recipient, in a role unless that is "".
func (r *reference) join(p *party, role string) {
	joined := &party{kind: p.kind, object: maps.Clone(p.object)}
	if role != "" {
		joined.object["roleName"] = role
	}
	r.cast = append(r.cast, joined)
}

func (r *reference) has(p *party) bool {
	return slices.ContainsFunc(r.cast, func(c *party) bool {
		return c.object["recipientId"] == p.object["recipientId"]
	})
}

// assign puts recipients into the references where they have a role, an assigned one before RoleName; those without any
// into the first.
func (c *composites) assign(parties []*party, all []*reference, template func(id string) (*Template, error)) error {
	byID := map[any]*party{}
	for _, p := range parties {
		byID[p.object["recipientId"]] = p
	}
	assigned := map[*party]bool{}
	for _, r := range all {
		for _, a := range r.Child("RoleAssignments").All("RoleAssignment") {
			p, err := c.named(byID, a)
			switch {
			case err != nil:
				return err
			case r.has(p):
				return c.refuse(a, " of a second role")
			}
			r.join(p, clean(a.Value("RoleName")))
			assigned[p] = true
		}
	}
	for _, p := range parties {
		if assigned[p] {
			continue
		}
		in, err := p.playsIn(all, template)
		if err != nil {
			return err
		}
		for _, r := range in {
			r.join(p, "")
		}
	}
	return c.addOwners(byID, all)
}

// named finds the recipient that the RecipientID of an element names.
func (c *composites) named(byID map[any]*party, e *element.Element) (*party, error) {
	var id any
	if given := e.Child("RecipientID"); given != nil {
		var err error
		if id, err = number(c.maker, given); err != nil {
			return nil, err
		}
	}
	if p := byID[id]; p != nil {
		return p, nil
	}
	return nil, fault.Invalid("'%s/RecipientID' is that of no 'Recipient'", e.Path)
}

// playsIn are the references whose templates have the role of a recipient who is assigned to none.
func (p *party) playsIn(all []*reference, template func(id string) (*Template, error)) (in []*reference, err error) {
	name, _ := p.object["roleName"].(string)
	if name == "" || len(all) == 1 {
		return all[:1], nil
	}
	for _, r := range all {
		roles, err := rolesOf(template, r.id)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(roles, func(o role) bool { return o.RoleName == name }) {
			in = append(in, r)
		}
	}
	if in == nil {
		return all[:1], nil
	}
	return in, nil
}

// addOwners adds recipients to references that have tabs for them.
func (c *composites) addOwners(byID map[any]*party, all []*reference) error {
	for _, r := range all {
		for _, tab := range r.Child("AdditionalTabs").All("Tab") {
			p, err := c.named(byID, tab)
			if err != nil {
				return err
			}
			if !r.has(p) {
				r.join(p, "")
			}
		}
	}
	return nil
}
