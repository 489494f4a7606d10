package answer_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// pair is one of the sample pairs of SOAP-REST.md §10, which are not part of this repository.
type pair struct {
	t       *testing.T
	w       *answer.Writer
	request []byte
	calls   []restCall // to REST
}

type restCall struct {
	Status     int
	Body       json.RawMessage
	BodyBase64 []byte
}

// body is the JSON of the answer of a call, from 0.
func (p *pair) body(call int) map[string]any {
	p.t.Helper()
	var v map[string]any
	if err := json.Unmarshal(p.calls[call].Body, &v); err != nil {
		p.t.Fatal(err)
	}
	return v
}

// definition is what package definition makes of the request.
func (p *pair) definition() (d *definition.Definition, err error) {
	p.t.Helper()
	o := p.w.Operation
	pool := spool.New(p.t.TempDir(), 1<<20, 1<<30)
	m, err := element.Read("text/xml", bytes.NewReader(p.request), p.w.Service, o, pool)
	if err != nil {
		return nil, err
	}
	p.t.Cleanup(m.Close)
	settings := definition.Settings{SignHere: p.w.SignHere, InitialHere: p.w.InitialHere}
	switch o {
	case "CreateEnvelopeFromTemplates":
		return definition.FromTemplates(o, m.Root, settings, func(string) (*definition.Template, error) {
			var t definition.Template
			return &t, json.Unmarshal(p.calls[0].Body, &t)
		})
	case "CreateEnvelopeFromTemplatesAndForms":
		return definition.FromTemplatesAndForms(o, m.Root, settings)
	}
	status := map[string]string{"CreateEnvelope": "created", "CreateAndSendEnvelope": "sent"}[o]
	return definition.Envelope(o, m.Root.Child("Envelope"), status, settings)
}

// created is the answer to a creation whose summary is that of the last call.
func (p *pair) created() any {
	p.t.Helper()
	d, err := p.definition()
	if err != nil {
		p.t.Fatal(err)
	}
	summary := p.body(len(p.calls) - 1)
	return p.w.Created(d, answer.Creation{
		EnvelopeID: summary["envelopeId"].(string), Status: summary["status"].(string), At: p.date(summary["statusDateTime"]),
		UserName: "Anna Example", Email: "anna@example.com",
	})
}

func (p *pair) date(v any) time.Time {
	p.t.Helper()
	at, err := time.Parse(time.RFC3339Nano, v.(string))
	if err != nil {
		p.t.Fatal(err)
	}
	return at
}

func (p *pair) document(call int) answer.Stream {
	b := p.calls[call].BodyBase64
	return stream(int64(len(b)), bytes.NewReader(b))
}

func page(t testing.TB, text string) *answer.Page {
	t.Helper()
	f := spool.New(t.TempDir(), 1<<20, 1<<30).New()
	t.Cleanup(f.Close)
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	p, err := answer.ReadPage(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pairs are what package soaprest does, as far as it is no matter of requests.
func pairs() map[string]func(*pair) any {
	created := (*pair).created
	url := func(p *pair) any { return p.body(0)["url"] }
	return map[string]func(*pair) any{
		"01": created, "05": created, "10": created, "11": created, "02": url, "09": url, "19": url,
		"03": func(p *pair) any { return p.w.Status(p.body(0)) },
		"22": func(p *pair) any { return p.w.Status(p.body(0)) },
		"04": func(p *pair) any {
			return answer.Fields{"EnvelopeID": "e0000000-1111-4222-8333-000000000001", "PDFBytes": p.document(0)}
		},
		"06": func(p *pair) any {
			list := page(p.t, string(p.calls[0].Body))
			return p.w.Statuses(answer.Fields{
				"UserInfo":  answer.Fields{"UserName": "Anna Example", "Email": "anna@example.com"},
				"AccountId": "1234567",
				"BeginDateTime": answer.Fields{
					"@statusQualifier": "Completed", "": "2026-11-19T00:00:00",
				},
				"EndDateTime":  "2026-11-21T00:00:00Z",
				"Statuses":     answer.Fields{"Status": []string{"Completed", "Voided"}},
				"StartAtIndex": 0,
			}, list.Total, []*answer.Page{list})
		},
		"07": func(p *pair) any {
			var all []answer.Fields
			for i, d := range p.body(0)["envelopeDocuments"].([]any) {
				all = append(all, p.w.Document(d.(map[string]any), p.document(i+1)))
			}
			return answer.Fields{"EnvelopeId": p.body(0)["envelopeId"], "DocumentPDF": all}
		},
		"08": func(*pair) any { return answer.Fields{"VoidSuccess": true} },
		"12": func(p *pair) any { return answer.Templates(p.body(0)) },
		"13": func(p *pair) any {
			return p.w.Template(p.body(0), "a1b2c3d4-0000-4000-8000-000000000010", nil)
		},
		"14": func(p *pair) any { return p.w.Sent(p.body(0), time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC)) },
		"15": func(p *pair) any {
			recipients := p.body(0)
			recipients["signers"].([]any)[0].(map[string]any)["email"] = "ben.b@example.com"
			return answer.Fields{"RecipientCorrectionStatuses": answer.Fields{"RecipientCorrectionStatus": []answer.Fields{{
				"CorrectionSucceeded": true, "RecipientStatus": p.w.RecipientStatus(recipients, "1"),
				"RecipientCorrection": answer.Fields{
					"PreviousUserName": "Ben Beispiel", "PreviousEmail": "ben@example.com", "PreviousRoutingOrder": 1,
					"CorrectedUserName": "Ben Beispiel", "CorrectedEmail": "ben.b@example.com", "CorrectedAccessCode": "",
					"CorrectedAccessCodeRequired": true, "CorrectedRoutingOrder": 1, "Resend": true,
				},
			}}}}
		},
		"16": func(*pair) any { return answer.Fields{"PurgeDocumentSuccess": true} },
		"18": func(p *pair) any {
			c := p.calls[0]
			return fault.FromREST(p.w.Operation, c.Status, nil, c.Body)
		},
		"20": func(*pair) any { return true },
		"21": func(*pair) any {
			return fault.Invalid("'Documents' has no 'Document' in %s", "CreateAndSendEnvelope")
		},
	}
}

func TestTheSamplePairsComeOut(t *testing.T) {
	const folder = "../../../../shared/docusign/soap-rest"
	files, err := filepath.Glob(filepath.Join(folder, "*.soap-response.xml"))
	if err != nil || len(files) == 0 {
		t.Skipf("the sample pairs are not beside this repository: %v", err)
	}
	table := pairs()
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".soap-response.xml")
		number, operation, _ := strings.Cut(name, "-")
		if number == "17" { // package reply answers Login
			continue
		}
		t.Run(name, func(t *testing.T) {
			want := read(t, file)
			service := regexp.MustCompile(`<!-- service=(\w+) -->`).FindSubmatch(want)[1]
			p := &pair{t: t, w: writer(t, string(service), strings.TrimPrefix(operation, "Fault-"))}
			if at := regexp.MustCompile(`<TimeGenerated>(.*?)<`).FindSubmatch(want); at != nil {
				generated, err := answer.ParseDate(string(at[1]), p.w.Zone)
				if err != nil {
					t.Fatal(err)
				}
				p.w.Now = func() time.Time { return generated }
			}
			var response struct{ Calls []restCall }
			base := strings.TrimSuffix(file, ".soap-response.xml")
			if err := json.Unmarshal(read(t, base+".rest-response.json"), &response); err != nil {
				t.Fatal(err)
			}
			p.calls, p.request = response.Calls, read(t, base+".soap-request.xml")
			make := table[number]
			if make == nil {
				t.Fatal("nobody makes it")
			}
			var got string
			if f, is := make(p).(*fault.Fault); is {
				got = text(t, p.w.Fault(f))
			} else {
				got = result(t, p.w, make(p))
			}
			compare(t, got, string(want))
		})
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compare holds two envelopes against each other, but for what is made anew for each: GUIDs and times of the header.
func compare(t *testing.T, got, want string) {
	t.Helper()
	g, w := lines(t, got), lines(t, want)
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			from := max(i-3, 0)
			t.Fatalf("element %d:\ngot  %s\nwant %s", i, strings.Join(g[min(from, len(g)):min(i+2, len(g))], "\n     "),
				strings.Join(w[min(from, len(w)):min(i+2, len(w))], "\n     "))
		}
	}
}

// lines are the elements of a message, one a line, with their texts.
func lines(t *testing.T, message string) (all []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(message))
	var path []string
	for {
		token, err := d.Token()
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			line := token.Name.Space + " " + strings.Join(path, "/")
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" && a.Name.Local != "Id" {
					line += fmt.Sprintf(" %s %s=%q", a.Name.Space, a.Name.Local, a.Value)
				}
			}
			all = append(all, line)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if s := string(token); strings.TrimSpace(s) != "" && !slices.Contains(path, "Security") &&
				!strings.HasPrefix(s, "urn:uuid:") {
				all[len(all)-1] += " = " + s
			}
		}
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
