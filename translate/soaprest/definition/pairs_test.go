package definition_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared is where the sample pairs stand, beside the repository.
const shared = "../../../../shared/docusign/soap-rest"

func TestEachSamplePairGivesItsRESTBody(t *testing.T) {
	for _, name := range []string{
		"01-CreateAndSendEnvelope", "05-CreateEnvelopeFromTemplates", "10-CreateEnvelope",
		"11-CreateEnvelopeFromTemplatesAndForms",
	} {
		t.Run(name, func(t *testing.T) {
			soap := pairFile(t, name+".soap-request.xml")
			service := api
			if strings.Contains(soap, "service=dsapi") {
				service = dsapi
			}
			root, err := whole(service, soap)
			if err != nil {
				t.Fatal(err)
			}
			d, err := makeOf(root, settings())
			if err != nil {
				t.Fatal(err)
			}
			got, documents := parts(t, d)
			want, wantDocuments := pairBody(t, pairFile(t, name+".rest-request.http"))
			same(t, got, want)
			if strings.Join(documents, "|") != strings.Join(wantDocuments, "|") {
				t.Errorf("documents %q, want %q", documents, wantDocuments)
			}
		})
	}
}

func TestThePairOfAFaultGivesItsSentence(t *testing.T) {
	_, want, _ := strings.Cut(pairFile(t, "21-Fault-Validation.soap-response.xml"), "<faultstring>")
	want, _, _ = strings.Cut(want, "</faultstring>")
	root, err := whole(api, pairFile(t, "21-Fault-Validation.soap-request.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = makeOf(root, settings()); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func pairFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.FromSlash(shared), name))
	if err != nil {
		t.Skip("the sample pairs stand beside the repository and are not there: ", err)
	}
	return string(text)
}

// pairBody is the JSON of the last call, without the bytes of documents, which are parts (SOAP-REST.md §11.11).
func pairBody(t *testing.T, http string) (string, []string) {
	t.Helper()
	blocks := strings.Split(http, "\n### ")
	_, body, _ := strings.Cut(blocks[len(blocks)-1], "\n\n")
	if strings.HasPrefix(body, "--") {
		_, body, _ = strings.Cut(body, "\n\n")
		body, rest, _ := strings.Cut(body, "\n--")
		_, document, _ := strings.Cut(rest, "\n\n")
		document, _, _ = strings.Cut(document, "\n--")
		return body, []string{document}
	}
	var o map[string]any
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	var documents []string
	all, _ := o["documents"].([]any)
	for _, d := range all {
		d := d.(map[string]any)
		raw, err := base64.StdEncoding.DecodeString(d["documentBase64"].(string))
		if err != nil {
			t.Fatal(err)
		}
		delete(d, "documentBase64")
		documents = append(documents, string(raw))
	}
	return indented(o), documents
}

// TestWholeMessages has one message for each operation, with what REST gets of it.
func TestWholeMessages(t *testing.T) {
	for name, want := range map[string]struct{ account, dropped, documents string }{
		"send":      {account: "1234567", documents: "%PDF-1.4 offer|PK\x03\x04"},
		"draft":     {dropped: "Envelope/Recipients/Recipient[2]/AutoNavigation", documents: "%PDF-1.4 letter"},
		"templates": {account: "1234567"},
		"forms":     {account: "1234567"},
	} {
		t.Run(name, func(t *testing.T) {
			var texts []string
			for _, extension := range []string{".xml", ".json"} {
				text, err := os.ReadFile(filepath.Join("testdata", name+extension))
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(text))
			}
			root, err := tree(api, texts[0])
			if err != nil {
				t.Fatal(err)
			}
			d, err := makeOf(root, settings())
			if err != nil {
				t.Fatal(err)
			}
			got, documents := parts(t, d)
			same(t, got, texts[1])
			if got := strings.Join(documents, "|"); got != want.documents {
				t.Errorf("documents %q, want %q", got, want.documents)
			}
			if got := strings.Join(d.Dropped, " "); d.AccountID != want.account || got != want.dropped {
				t.Errorf("account %q and dropped %q, want %+v", d.AccountID, got, want)
			}
		})
	}
}
