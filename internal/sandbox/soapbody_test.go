package sandbox

import (
	"encoding/xml"
	"testing"
)

// node is any element.
type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
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
