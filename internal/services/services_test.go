package services_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services"
)

func TestTheTableFindsAService(t *testing.T) {
	for _, s := range services.All() {
		if services.ByPath(strings.ToUpper(s.Path)) != s {
			t.Errorf("%s is not found by its path", s.Path)
		}
		if s.WSDLPath != "" && services.ByWSDLPath(strings.ToUpper(s.WSDLPath)) != s {
			t.Errorf("%s is not found by the second address of its WSDL", s.Path)
		}
		if found := services.ByNamespace(s.Namespace); found == nil || found.Namespace != s.Namespace {
			t.Errorf("%s is not found by its namespace", s.Path)
		}
		if !s.API.SOAP() {
			t.Errorf("%s is no name of a SOAP API", s.API)
		}
	}
	if services.ByPath("/api/3.0/other.asmx") != nil || services.ByWSDLPath("") != nil {
		t.Error("what is no service is found")
	}
}

func TestEachServiceHasItsOperations(t *testing.T) {
	for path, want := range map[string]int{ // PROTOCOL.md §4.1
		"/api/3.0/api.asmx": 60, "/api/3.0/dsapi.asmx": 43,
		"/api/3.0/credential.asmx": 5, "/api/3.0/accountmanagement.asmx": 42,
	} {
		if got := len(services.ByPath(path).Description().Operations); got != want {
			t.Errorf("%s has %d operations, want %d", path, got, want)
		}
	}
	if !services.KnowsOperation("RequestStatus") || services.KnowsOperation("requeststatus") {
		t.Error("an operation is found by another case, or not at all")
	}
}

func TestElementsAreAnsweredInOrder(t *testing.T) {
	d := services.ByPath("/api/3.0/dsapi.asmx").Description()
	var got []string
	for _, e := range d.Operation("RequestCorrectToken").In.Elements {
		got = append(got, fmt.Sprintf("%s %s %d", e.Name, e.Type.Name, e.Min))
	}
	want := []string{"EnvelopeID string 0", "SuppressNavigation boolean 1", "ReturnURL string 0"}
	if !slices.Equal(got, want) {
		t.Errorf("RequestCorrectToken: %q, want %q", got, want)
	}
	if e := d.Type("RecipientStatus").Element("DeclineReason"); e == nil || !e.Nillable || e.Min != 1 {
		t.Errorf("DeclineReason: %+v", e)
	}
	if e := d.Type("ArrayOfRecipientStatus").Elements[0]; !e.Many ||
		e.Type != d.Type("RecipientStatus") {
		t.Errorf("ArrayOfRecipientStatus: %+v", e)
	}
	if code := d.Type("EnvelopeStatusCode"); code.Base != "string" || !slices.Contains(code.Enum, "Voided") {
		t.Errorf("EnvelopeStatusCode: %+v", code)
	}
}

// tree is any element without its prefixes; names that refer to others have theirs resolved.
type tree struct {
	name     xml.Name
	attrs    []string
	children []*tree
}

func (n *tree) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<%s %s %q", n.name.Space, n.name.Local, n.attrs)
	for _, c := range n.children {
		b.WriteString(c.String())
	}
	return b.String() + ">"
}

// readTree reads a WSDL without its service's address. Declarations, which have no order, are sorted.
func readTree(r io.Reader) (*tree, error) {
	d := xml.NewDecoder(r)
	root := &tree{}
	open := []*tree{root}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &tree{name: token.Name}
			for _, a := range token.Attr {
				if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || a.Name.Local == "location" {
					continue
				}
				n.attrs = append(n.attrs, a.Name.Local+"="+a.Value)
			}
			slices.Sort(n.attrs)
			parent := open[len(open)-1]
			parent.children = append(parent.children, n)
			open = append(open, n)
		case xml.EndElement:
			n := open[len(open)-1]
			open = open[:len(open)-1]
			if slices.Contains([]string{"definitions", "schema", "portType", "binding"}, n.name.Local) {
				slices.SortFunc(n.children, func(a, b *tree) int { return strings.Compare(a.String(), b.String()) })
			}
		}
	}
}

func writeWSDL(t *testing.T, s *services.Service, address string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteWSDL(&b, address); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The WSDLs that DocuSign published are not part of this repository.
func TestWSDLsSayWhatDocuSignsSay(t *testing.T) {
	folder := filepath.FromSlash("../../../shared/docusign/wsdl")
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("DocuSign's WSDLs are not beside this repository: %v", err)
	}
	for _, s := range services.All() {
		t.Run(s.Base(), func(t *testing.T) {
			f, err := os.Open(filepath.Join(folder, strings.TrimSuffix(s.Base(), ".asmx")+".wsdl"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want, err := readTree(f)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readTree(bytes.NewReader(writeWSDL(t, s, "https://example.com/")))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "", got, want)
		})
	}
}

func compare(t *testing.T, path string, got, want *tree) {
	t.Helper()
	path += "/" + want.name.Local + fmt.Sprint(want.attrs)
	if got.name != want.name || !slices.Equal(got.attrs, want.attrs) {
		t.Fatalf("%s: got %v %q", path, got.name, got.attrs)
	}
	for i := range min(len(got.children), len(want.children)) {
		compare(t, path, got.children[i], want.children[i])
	}
	if len(got.children) != len(want.children) {
		t.Fatalf("%s: %d children, want %d", path, len(got.children), len(want.children))
	}
}

func TestTheAddressIsEscaped(t *testing.T) {
	const address = `https://demo.docusign.net/api/3.0/api.asmx?a="b"&c=<d>`
	for _, s := range services.All() {
		var doc struct {
			Ports []struct {
				Address struct {
					Location string `xml:"location,attr"`
				} `xml:"address"`
			} `xml:"service>port"`
		}
		if err := xml.Unmarshal(writeWSDL(t, s, address), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Ports) != 2 || doc.Ports[0].Address.Location != address || doc.Ports[1].Address.Location != address {
			t.Errorf("%s: %+v", s.Path, doc)
		}
	}
}
