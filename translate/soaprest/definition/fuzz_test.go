package definition_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// FuzzDefinition holds that whatever a description lets through becomes JSON that REST's description allows, or a fault
// that says nothing was sent.
func FuzzDefinition(f *testing.F) {
	for _, text := range []string{
		sending(form, ben, radio("k", "a", "X")+tab("<XPosition>1</XPosition><YPosition>2</YPosition>"+listOf("a;b", "1;2", "1")), ""),
		fromTemplates(reference(first, roles("Customer", "1")+fields("order", "1")), person("1", "Signer", ""), ""),
		forms("<CompositeTemplate>"+server("<Sequence>1</Sequence>")+inlined("", "<Recipients>"+ben+"</Recipients>")+"</CompositeTemplate>", ""),
	} {
		f.Add(text)
	}
	pairs, err := filepath.Glob(filepath.Join(filepath.FromSlash(shared), "*Create*.soap-request.xml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range pairs {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(regexp.MustCompile(`(?s)<soap:Body>(.*)</soap:Body>`).FindStringSubmatch(string(text))[1])
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, err := tree(api, text)
		if err != nil || !strings.HasPrefix(root.Name, "CreateE") && root.Name != "CreateAndSendEnvelope" {
			return
		}
		if services.ByPath(api).Description().Operation(root.Name).Result() == nil {
			return
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
