package definition_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// choices are made by the bytes of a fuzzed input; when there are none left, each is the first.
type choices struct {
	bytes []byte
	pool  *spool.Pool
}

func (c *choices) of(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

// element makes an element of a type with what the choices say.
func (c *choices) element(name, path string, t *services.Type) *element.Element {
	e := &element.Element{Name: name, Path: path, Type: t}
	if t.Base != "" {
		c.fill(e)
		return e
	}
	for _, of := range t.Elements {
		if c.of(3) > 0 {
			e.Children = append(e.Children, c.element(of.Name, path+"/"+of.Name, of.Type))
		}
	}
	return e
}

func (c *choices) fill(e *element.Element) {
	texts := []string{
		"1", "", "X", "a;b", ";", " ", "here\x01", first, "{" + second + "}", "Phone Auth $", "SMS Auth $",
		strings.Repeat("ä", 60), strings.Repeat("s", 101), "\"\\</Object>\u2028",
	}
	switch {
	case len(e.Type.Enum) > 0:
		texts = e.Type.Enum
	case e.Type.Base == "boolean":
		texts = []string{"true", "false", "1", "0", ""}
	case e.Type.Base == "base64Binary":
		e.Bytes = c.pool.New()
		e.Bytes.Write([]byte("%PDF-")[:c.of(6)])
		return
	case e.Type.Base != "string":
		texts = []string{"1", "2", "007", "0", "-3", "+1", "4.5", "INF", "1e2", "99999999999999999999", ""}
	}
	e.Text = texts[c.of(len(texts))]
}

// edit changes one element somewhere below e: its text, or one more or one less inside.
func (c *choices) edit(e *element.Element) {
	for len(e.Children) > 0 && c.of(6) > 0 {
		e = e.Children[c.of(len(e.Children))]
	}
	if e.Type.Base != "" {
		c.fill(e)
		return
	}
	of := e.Type.Elements[c.of(len(e.Type.Elements))]
	has := func(child *element.Element) bool { return child.Name == of.Name }
	switch action := c.of(4); {
	case action == 0:
		e.Children = slices.DeleteFunc(e.Children, has)
	case of.Many && action == 1 && slices.ContainsFunc(e.Children, has):
		again := *e.Child(of.Name)
		again.Children = slices.Clone(again.Children)
		e.Children = append(e.Children, &again)
	case of.Many || !slices.ContainsFunc(e.Children, has):
		path := strings.TrimPrefix(e.Path+"/"+of.Name, "/")
		e.Children = append(e.Children, c.element(of.Name, path, of.Type))
	}
}

// seeds are messages of all kinds that are carried out.
func seeds() []string {
	const x, y = "<XPosition>1</XPosition>", "<YPosition>2</YPosition>"
	tabs := radio("k", "a", "X") + radio("k", "b", "") + tab(x+y+listOf("a;b", "1;2", "1")) +
		tab(x+y+"<Type>SignHere</Type>") + tab(x+y+"<Type>Custom</Type><CustomTabType>Checkbox</CustomTabType>") +
		tab("<AnchorTabItem><AnchorTabString>here</AnchorTabString></AnchorTabItem><Type>InitialHere</Type>")
	more := "<AdditionalTabs><Tab><RecipientID>1</RecipientID><Type>Custom</Type></Tab></AdditionalTabs>"
	parties := person("1", "Signer", "Customer") + person("2", "CarbonCopy", "Boss")
	inline := inlined("", "<Documents>"+form+"</Documents><Recipients>"+ben+"</Recipients><Tabs>"+tabs+"</Tabs>")
	return []string{
		sending(form, ben+person("2", "CarbonCopy", ""), tabs, ""),
		"<CreateEnvelope><Envelope><Recipients>" + parties + "</Recipients></Envelope></CreateEnvelope>",
		fromTemplates(reference(first, roles("Customer", "1")+fields("order", "1", "kind", "new")+more), parties, ""),
		fromTemplates(reference(first, "<Sequence>2</Sequence>")+reference(second, more), parties, ""),
		forms("<CompositeTemplate>"+server("<Sequence>1</Sequence>")+inline+form+"</CompositeTemplate>", ""),
	}
}

// FuzzDefinition holds that whatever the services describe becomes JSON that REST's description allows, or a fault that
// names the operation and says that nothing was sent.
func FuzzDefinition(f *testing.F) {
	for i := range seeds() {
		for seed := range 60 {
			input := []byte{byte(i)}
			for n := range 12 {
				input = append(input, byte(n*(7*seed+1)+seed*seed))
			}
			f.Add(input)
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		c := &choices{bytes: input, pool: pool()}
		root, err := tree(api, seeds()[c.of(len(seeds()))])
		if err != nil {
			t.Fatal(err)
		}
		for len(c.bytes) > 0 {
			c.edit(root)
		}
		d, err := makeOf(root, settings())
		if err != nil {
			checkRefusal(t, err, root.Name)
			return
		}
		content, _ := parts(t, d)
		if !json.Valid([]byte(content)) {
			t.Fatalf("no JSON: %s", content)
		}
		part(t, content, "")
	})
}

// checkRefusal holds that a fault says where, and that nothing was sent.
func checkRefusal(t *testing.T, err error, operation string) {
	t.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%v is no fault", err)
	}
	if !strings.Contains(f.Error(), "Nothing was sent.") || !f.Schema && !strings.HasPrefix(f.Reason, operation) {
		t.Fatalf("%+v", f)
	}
}
