package envelope

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Template is an envelope that others are made of; its ID is the template's.
type Template struct {
	Envelope
	Name, Description string
	Shared            bool
	Modified          time.Time
	Pages             string
}

// NewTemplate makes one of REST v2.1's envelopeTemplate.
func NewTemplate(o Object) Template {
	own := []string{
		"templateId", "name", "description", "shared", "lastModified", "pageCount", "emailSubject", "documents", "recipients",
	}
	modified, _ := time.Parse(time.RFC3339Nano, text(o, "lastModified"))
	t := Template{
		Envelope: Envelope{
			ID: text(o, "templateId"), Status: "template", Subject: text(o, "emailSubject"), Members: rest(o, own...),
			Documents: readDocuments(o["documents"]), Recipients: readRecipients(object(o, "recipients"), true),
		},
		Name: text(o, "name"), Description: text(o, "description"), Shared: text(o, "shared") == "true",
		Modified: Stored(modified), Pages: text(o, "pageCount"),
	}
	nameTabs(t.Recipients)
	return t
}

// Show is the template as REST shows it. include has the words of the query.
func (t Template) Show(include []string, lower bool) Object {
	o := Object{
		"templateId": t.ID, "name": t.Name, "description": t.Description, "shared": strconv.FormatBool(t.Shared),
		"lastModified": Stamp(t.Modified), "pageCount": t.Pages, "emailSubject": t.Subject, "uri": "/templates/" + t.ID,
	}
	maps.Copy(o, t.members())
	if len(include) == 0 {
		return o
	}
	o["recipients"] = ShowRecipients(t.Recipients, slices.Contains(include, "tabs"), lower)
	if slices.Contains(include, "documents") {
		documents := []any{}
		for i, d := range t.Documents {
			documents = append(documents, Object{
				"documentId": d.ID, "name": d.Name, "order": strconv.Itoa(i + 1), "pages": "1",
				"uri": "/templates/" + t.ID + "/documents/" + d.ID,
			})
		}
		o["documents"] = documents
	}
	if slices.Contains(include, "custom_fields") {
		o["customFields"] = t.CustomFields()
	}
	if slices.Contains(include, "notifications") {
		o["notification"] = t.Notification()
	}
	return o
}

// Kinds are the arrays of the tabs that have a label, of a role or of nobody in particular.
func (t Template) Kinds(role, label string) (kinds []string) {
	for _, r := range t.Recipients {
		for _, tab := range r.Tabs {
			if (role == "" || text(r.Members, "roleName") == role) && tab.Text("tabLabel") == label {
				kinds = append(kinds, tab.Kind)
			}
		}
	}
	return kinds
}

// composer makes an envelope of composite templates (SOAP-REST.md §4.8).
type composer struct {
	*Envelope
	Making
}

// compose makes documents and recipients.
func (c composer) compose(composites []Object, sent bool) *Refusal {
	for _, composite := range composites {
		part, refused := c.composite(composite)
		if refused != nil {
			return refused
		}
		c.join(part, sent || c.MergeRoles)
	}
	if sent { // roles that nobody has are left out
		c.Recipients = slices.DeleteFunc(c.Recipients, func(r Recipient) bool {
			return r.Name == "" && r.Email == "" && text(r.Members, "roleName") != ""
		})
	}
	return nil
}

// piece is a server or an inline template.
type piece struct {
	sequence int
	server   *Template
	inline   Object
}

// pieces come in the order of their sequences; two of the same are ambiguous.
func pieces(composite Object, m Making) (all []piece, refused *Refusal) {
	for _, o := range objects(composite["serverTemplates"]) {
		t, known := m.Template(strings.ToLower(text(o, "templateId")))
		if !known {
			return nil, refuse("TEMPLATE_ID_INVALID", "There is no template %q.", text(o, "templateId"))
		}
		n, _ := strconv.Atoi(text(o, "sequence"))
		all = append(all, piece{sequence: n, server: &t})
	}
	for _, o := range objects(composite["inlineTemplates"]) {
		n, _ := strconv.Atoi(text(o, "sequence"))
		all = append(all, piece{sequence: n, inline: o})
	}
	slices.SortStableFunc(all, func(a, b piece) int { return cmp.Compare(a.sequence, b.sequence) })
	for i, p := range all {
		if p.sequence < 1 || i > 0 && all[i-1].sequence == p.sequence {
			return nil, refuse("INVALID_REQUEST_PARAMETER", "The sequence %d is ambiguous or missing.", p.sequence)
		}
	}
	return all, nil
}

// composite makes one part of the envelope: later pieces lie over earlier ones.
func (c composer) composite(composite Object) (part Envelope, refused *Refusal) {
	all, refused := pieces(composite, c.Making)
	if refused != nil {
		return part, refused
	}
	part.Members = Object{}
	for _, p := range all {
		if p.server != nil {
			t := p.server.Clone()
			part.Documents = append(part.Documents, t.Documents...)
			for i := range t.Recipients {
				t.Recipients[i].Status = "created"
			}
			part.Recipients = overlay(part.Recipients, t.Recipients)
			c.inherit(t)
			continue
		}
		part.Documents = append(part.Documents, readDocuments(p.inline["documents"])...)
		part.Recipients = overlay(part.Recipients, readRecipients(object(p.inline, "recipients"), c.Lower))
		c.addFields(object(p.inline, "customFields"))
		over := object(p.inline, "envelope")
		c.Subject = cmp.Or(c.Subject, text(over, "emailSubject"))
		if c.Members["emailBlurb"] == nil && over["emailBlurb"] != nil {
			c.Members["emailBlurb"] = over["emailBlurb"]
		}
	}
	if d := object(composite, "document"); d != nil {
		part.Documents = []Document{readDocument(d, 1)}
		if part.Documents[0].SHA256 == "" {
			return part, refuse("UNABLE_TO_LOAD_DOCUMENT", "The document of a composite template has no bytes.")
		}
	}
	return part, nil
}

// inherit takes from a server template what the definition leaves open.
func (c composer) inherit(t Envelope) {
	c.Subject = cmp.Or(c.Subject, t.Subject)
	for name := range strings.FieldsSeq("emailBlurb signingLocation autoNavigation envelopeIdStamping notification") {
		skip := name == "notification" && c.NoTemplateNotification
		if v, has := t.Members[name]; has && c.Members[name] == nil && !skip {
			c.Members[name] = v
		}
	}
	c.addFields(object(t.Members, "customFields"))
}

// addFields lays custom fields over those with the same names.
func (c composer) addFields(fields Object) {
	if len(fields) == 0 {
		return
	}
	all := copyOf(object(c.Members, "customFields"))
	for kind, list := range fields {
		kept := slices.DeleteFunc(slices.Clone(objects(all[kind])), func(old Object) bool {
			return slices.ContainsFunc(objects(list), func(o Object) bool { return o["name"] == old["name"] })
		})
		joined := []any{}
		for _, o := range append(kept, objects(list)...) {
			joined = append(joined, o)
		}
		all[kind] = joined
	}
	c.Members["customFields"] = all
}

// overlay lays recipients over those with their role, which has a case (SOAP-REST.md §4.8); others are added.
func overlay(all, over []Recipient) []Recipient {
	for _, r := range over {
		role := text(r.Members, "roleName")
		i := slices.IndexFunc(all, func(old Recipient) bool {
			return role != "" && text(old.Members, "roleName") == role
		})
		if i < 0 {
			// A label without a place belongs to a tab of a template. Nobody has it here, so it is left out.
			r.Tabs = slices.DeleteFunc(r.Tabs, func(t Tab) bool { return !t.Placed })
			all = append(all, r)
			continue
		}
		all[i].merge(r)
	}
	return all
}

// merge lays another description of the same person over this one.
func (r *Recipient) merge(over Recipient) {
	r.ID, r.Name, r.Email = cmp.Or(over.ID, r.ID), cmp.Or(over.Name, r.Name), cmp.Or(over.Email, r.Email)
	r.Members = copyOf(r.Members)
	maps.Copy(r.Members, over.Members)
	r.Tabs = slices.Clone(r.Tabs)
	for _, t := range over.Tabs {
		found := false
		for i := range r.Tabs {
			if r.Tabs[i].same(t) {
				r.Tabs[i].merge(t)
				found = true
			}
		}
		if !found && t.Placed {
			r.Tabs = append(r.Tabs, t)
		}
	}
}

// join adds a part: documents get free numbers, and people who are there already get its tabs.
func (c composer) join(part Envelope, mergeRoles bool) {
	renamed := map[string]string{}
	for _, d := range part.Documents {
		old := d.ID
		d.ID = free(d.ID, c.hasDocument)
		renamed[old] = d.ID
		c.Documents = append(c.Documents, d)
	}
	for _, r := range part.Recipients {
		for i := range r.Tabs {
			t := &r.Tabs[i]
			if id, moved := renamed[t.Text("documentId")]; moved {
				t.Members = copyOf(t.Members)
				t.Members["documentId"] = id
			}
		}
		i := slices.IndexFunc(c.Recipients, func(old Recipient) bool {
			same := old.Type == r.Type && old.Name == r.Name && old.Email == r.Email
			role := text(r.Members, "roleName")
			return same && old.ID == r.ID && r.Name != "" ||
				mergeRoles && same && role != "" && role == text(old.Members, "roleName")
		})
		if i >= 0 {
			c.Recipients[i].Tabs = append(c.Recipients[i].Tabs, r.Tabs...)
			continue
		}
		r.ID = free(r.ID, c.hasRecipient)
		c.Recipients = append(c.Recipients, r)
	}
}

// free gives the id, or if it is taken the first number that is not.
func free(id string, taken func(string) bool) string {
	for n := 1; taken(id); n++ {
		id = strconv.Itoa(n)
	}
	return id
}

func (e *Envelope) hasDocument(id string) bool {
	return slices.ContainsFunc(e.Documents, func(d Document) bool { return d.ID == id })
}

func (c composer) hasRecipient(id string) bool {
	return slices.ContainsFunc(c.Recipients, func(r Recipient) bool { return r.ID == id })
}
