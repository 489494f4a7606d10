package definition_test

import (
	"testing"

	"docusign-auth-proxy/translate/soaprest/definition"
)

func TestControlCharactersAreTakenOut(t *testing.T) {
	root, err := tree(api, sending(form, ben, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	root.At("Envelope", "Subject").Text = "a\x00\x1fb\t\n\r c"
	d, err := makeOf(root, settings())
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Object["emailSubject"]; got != "ab\t\n\r c" {
		t.Errorf("%q", got)
	}
}

func TestNumbersHaveOneForm(t *testing.T) {
	for text, want := range map[string]string{
		"7": "7", "007": "7", "+7": "7", "-0": "0", "-012": "-12", " 3 ": "3", "123456789012345678901": "123456789012345678901",
	} {
		root, err := tree(api, withTab("<Type>Custom</Type><CustomTabWidth>1</CustomTabWidth>"))
		if err != nil {
			t.Fatal(err)
		}
		root.At("Envelope", "Tabs", "Tab", "CustomTabWidth").Text = text
		d, err := makeOf(root, settings())
		if err != nil {
			t.Fatal(err)
		}
		signer := d.Object["recipients"].(definition.Object)["signers"].([]definition.Object)[0]
		if got := signer["tabs"].(definition.Object)["textTabs"].([]definition.Object)[0]["width"]; got != want {
			t.Errorf("%q is %v, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "-", "+-1", "1.5", "0x1", "seven", "1 2"} {
		root, err := tree(api, withTab("<Type>Custom</Type><CustomTabWidth>1</CustomTabWidth>"))
		if err != nil {
			t.Fatal(err)
		}
		root.At("Envelope", "Tabs", "Tab", "CustomTabWidth").Text = text
		if _, err := makeOf(root, settings()); err == nil {
			t.Errorf("%q is a number", text)
		}
	}
}
