package soaprest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/answer"
)

// samples are the pairs of SOAP-REST.md §10, which are not part of this repository.
const samples = "../../../shared/docusign/soap-rest"

// sample is one of them.
type sample struct {
	script // for what it knows of users

	wanted  []*http.Request
	answers []sampleAnswer
}

type sampleAnswer struct {
	Status      int
	ContentType string
	Body        json.RawMessage
	BodyBase64  []byte
}

// Do holds each call against the sample and gives the sample's answer.
func (s *sample) Do(_ context.Context, r *Request) (*http.Response, error) {
	s.t.Helper()
	if len(s.wanted) == 0 {
		s.t.Fatalf("a call too much: %s %s", r.Method, r.Path)
	}
	want, give := s.wanted[0], s.answers[0]
	s.wanted, s.answers = s.wanted[1:], s.answers[1:]
	path := "/restapi/v2.1/accounts/" + r.Account.ID + r.Path
	if r.Method != want.Method || path != want.URL.Path || r.Account.Site.Host != want.Host {
		s.t.Errorf("got %s %s %s, want %s %s %s", r.Method, r.Account.Site.Host, path, want.Method, want.Host, want.URL.Path)
	}
	if got := r.Query.Encode(); got != want.URL.Query().Encode() {
		s.t.Errorf("%s: query\ngot  %s\nwant %s", path, got, want.URL.Query().Encode())
	}
	if got := cmp.Or(r.Accept, "application/json"); got != want.Header.Get("Accept") {
		s.t.Errorf("%s: accepts %s, want %s", path, got, want.Header.Get("Accept"))
	}
	s.body(r, want)
	text := cmp.Or(string(give.BodyBase64), string(give.Body))
	return &http.Response{
		StatusCode: give.Status, Header: http.Header{
			"Content-Type": {give.ContentType}, "Date": {"Fri, 20 Nov 2026 18:30:00 GMT"},
		},
		ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)),
	}, nil
}

func (s *sample) body(r *Request, want *http.Request) {
	s.t.Helper()
	text, err := io.ReadAll(want.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if r.Body == nil {
		if len(bytes.TrimSpace(text)) > 0 {
			s.t.Errorf("%s has no body", r.Path)
		}
		return
	}
	sent, err := io.ReadAll(r.Body.Open())
	if err != nil {
		s.t.Fatal(err)
	}
	got, wanted := definitionOf(s.t, sent), definitionOf(s.t, text)
	kind, _, _ := strings.Cut(r.ContentType, ";")
	wantKind, _, _ := strings.Cut(want.Header.Get("Content-Type"), ";")
	// Documents go as parts, although one sample has them in the JSON (SOAP-REST.md §11.11).
	if kind != wantKind && (kind != "multipart/form-data" || wanted["documents"] == nil) {
		s.t.Errorf("%s: a body of %s, want %s", r.Path, kind, wantKind)
	}
	if id, _ := got["transactionId"].(string); r.Path == "/envelopes" && id == "" {
		s.t.Errorf("%s: no transactionId", r.Path)
	} else if wanted["transactionId"] == nil {
		delete(got, "transactionId") // the proxy's own
	}
	// The state is sealed with a random number: where it leads is checked by other tests.
	if address, _ := got["returnUrl"].(string); strings.HasPrefix(address, "https://proxy.example.com/ds-return/") {
		got["returnUrl"] = wanted["returnUrl"]
	}
	if !reflect.DeepEqual(got, wanted) {
		s.t.Errorf("%s: body\ngot  %v\nwant %v", r.Path, got, wanted)
	}
}

// definitionOf is the JSON of a body, or of the first part of one, without documents.
func definitionOf(t *testing.T, body []byte) (o map[string]any) {
	t.Helper()
	_, text, _ := bytes.Cut(body, []byte("{"))
	if err := json.NewDecoder(strings.NewReader("{" + string(text))).Decode(&o); err != nil {
		t.Fatal(err)
	}
	documents, _ := o["documents"].([]any)
	for _, d := range documents {
		delete(d.(map[string]any), "documentBase64")
	}
	return o
}

func TestTheSamplePairsAreCarriedOut(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(samples, "*.soap-request.xml"))
	if err != nil || len(files) == 0 {
		t.Skipf("the sample pairs are not beside this repository: %v", err)
	}
	// Login is answered by package reply, and what breaks the schema by package element.
	others := map[string]bool{"17": true, "21": true}
	for _, file := range files {
		base := strings.TrimSuffix(file, ".soap-request.xml")
		number, operation, _ := strings.Cut(filepath.Base(base), "-")
		if others[number] {
			continue
		}
		t.Run(number+" "+operation, func(t *testing.T) {
			s := readSample(t, base)
			request, want := read(t, file), read(t, base+".soap-response.xml")
			now := time.Date(2026, 11, 20, 18, 40, 0, 0, time.UTC)
			if at := regexp.MustCompile(`<TimeGenerated>(.*?)<`).FindSubmatch(want); at != nil {
				now, err = answer.ParseDate(string(at[1]), pacific(t))
				if err != nil {
					t.Fatal(err)
				}
			}
			kept := store.Memory()
			e := New(Options{Now: func() time.Time { return now }, Returns: kept.Returns(), Journal: kept.Creations()})
			c := newCall(s, strings.TrimPrefix(operation, "Fault-"), "")
			c.Message = bytes.NewReader(request)
			c.Service = services.ByBase(string(regexp.MustCompile(`service=(\w+)`).FindSubmatch(request)[1]) + ".asmx")
			c.PublicURL = &url.URL{Scheme: "https", Host: "proxy.example.com"}
			c.Integration.SOAPREST.AnswerHeader = integration.HeaderRecorded
			c.Integration.SOAPREST.TimeZone.Location = pacific(t)
			c.Integration.SOAPREST.TabOffset = integration.TabOffset{SignHere: 21, InitialHere: 16}
			c.Integration.SOAPREST.ClientURLs = integration.Redirect
			c.Integration.SOAPREST.SafeDocuments = integration.SafeAuto
			a, err := e.Serve(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			var text bytes.Buffer
			if err := a.Write(&text); err != nil {
				t.Fatal(err)
			}
			same(t, text.String(), string(want))
			if len(s.wanted) > 0 {
				t.Errorf("%d calls did not come", len(s.wanted))
			}
			if want := map[bool]int{false: 200, true: 500}[number == "18"]; a.Status != want {
				t.Errorf("status %d", a.Status)
			}
			if a.Length != int64(text.Len()) {
				t.Errorf("%d bytes, not %d", text.Len(), a.Length)
			}
		})
	}
}

func pacific(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// readSample reads what goes to REST and comes back.
func readSample(t *testing.T, base string) *sample {
	t.Helper()
	s := &sample{script: script{t: t}}
	var response struct{ Calls []sampleAnswer }
	if err := json.Unmarshal(read(t, base+".rest-response.json"), &response); err != nil {
		t.Fatal(err)
	}
	s.answers = response.Calls
	for _, block := range strings.Split("\n"+string(read(t, base+".rest-request.http")), "\n### ")[1:] {
		_, text, _ := strings.Cut(block, "\n")
		head, body, _ := strings.Cut(text, "\n\n")
		head = strings.TrimSpace(head) + fmt.Sprintf("\nContent-Length: %d\n\n", len(body))
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + body)))
		if err != nil {
			t.Fatal(err)
		}
		s.wanted = append(s.wanted, r)
	}
	return s
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// same holds two messages against each other, but for what is made anew for each: GUIDs and times of the header.
func same(t *testing.T, got, want string) {
	t.Helper()
	g, w := elements(t, got), elements(t, want)
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("element %d:\ngot  %q\nwant %q", i, g[max(0, i-2):min(i+2, len(g))], w[max(0, i-2):min(i+2, len(w))])
		}
	}
}

// elements are those of a message, each with its path, attributes and text.
func elements(t *testing.T, message string) (all []string) {
	t.Helper()
	var path []string
	for d := xml.NewDecoder(strings.NewReader(message)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v in %s", err, message)
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			attributes := map[string]string{}
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" && a.Name.Local != "Id" {
					attributes[a.Name.Local] = a.Value
				}
			}
			all = append(all, fmt.Sprint(strings.Join(path, "/"), slices.Sorted(maps.Keys(attributes)), attributes))
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if s := string(token); strings.TrimSpace(s) != "" && !slices.Contains(path, "Security") &&
				!strings.HasPrefix(s, "urn:uuid:") {
				all[len(all)-1] += "=" + s
			}
		}
	}
}
