package soap_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/soap"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// sample is one message as a client sends it.
type sample struct {
	name, contentType, contentEncoding string
	body                               []byte
}

func (s sample) credential() bool { return strings.Contains(s.name, "credential") }

// samples returns the recorded requests and the envelopes written after the description of other clients.
func samples(t testing.TB) []sample {
	t.Helper()
	var all []sample
	for _, path := range files(t, "testdata/captures/*.http") {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(load(t, path))))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(
			all, sample{base(path), request.Header.Get("Content-Type"), request.Header.Get("Content-Encoding"), body},
		)
	}
	for _, path := range files(t, "testdata/shapes/*.xml") {
		all = append(all, sample{base(path), "text/xml", "", load(t, path)})
	}
	for name, boundary := range map[string]string{
		"cxf-mtom":    `boundary="uuid:6a5f-1"; start="<root.message@cxf.apache.org>"; start-info="text/xml"`,
		"second-root": `start="<r>"; boundary=b`,
	} {
		all = append(
			all,
			sample{
				name, `multipart/related; type="application/xop+xml"; ` + boundary, "", load(t, "testdata/shapes/"+name+".mime"),
			},
		)
	}
	return all
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return paths
}

func load(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func base(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/golden/" + name + ".golden"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := load(t, path); !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n got %q\nwant %q", path, got, want)
	}
}

// newPassword holds what has to be escaped and what an encoding may not carry.
const newPassword = "a&b<c>\"'é€"

// chunkings are the ways in which a body may arrive.
var chunkings = map[string]func(io.Reader) io.Reader{
	"at once":             func(r io.Reader) io.Reader { return r },
	"byte by byte":        iotest.OneByteReader,
	"in halves":           iotest.HalfReader,
	"with the end in it":  iotest.DataErrReader,
	"with empty readings": func(r io.Reader) io.Reader { return &stutter{r: r} },
}

// stutter returns nothing on every second call.
type stutter struct {
	r   io.Reader
	odd bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.odd = !s.odd; s.odd {
		return 0, nil
	}
	return s.r.Read(p[:min(len(p), 7)])
}

func read(r io.Reader, o soap.Options) (*soap.Message, error) { return soap.ReadMessage("", "", r, o) }

func open(t testing.TB, s sample, chunk func(io.Reader) io.Reader) *soap.Message {
	t.Helper()
	m, err := soap.ReadMessage(
		s.contentType, s.contentEncoding, chunk(bytes.NewReader(s.body)), soap.Options{Credential: s.credential()},
	)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return m
}

// forwarded reads what goes upstream and checks that Delta tells its length.
func forwarded(t *testing.T, m *soap.Message, came int) []byte {
	t.Helper()
	delta := m.Delta()
	out, err := io.ReadAll(m.Reader())
	if err != nil {
		t.Fatal(err)
	}
	if !m.Decoded && int64(len(out)-came) != delta {
		t.Errorf("Delta is %d, but %d bytes became %d", delta, came, len(out))
	}
	return out
}

// noPassword checks that the password of the samples, however written, is not in what goes upstream.
func noPassword(t *testing.T, out []byte) {
	t.Helper()
	if bytes.Contains(out, []byte("p@ss")) {
		t.Errorf("the password goes upstream: %q", out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var versions = map[string]string{soap.NamespaceSOAP11: "1.1", soap.NamespaceSOAP12: "1.2"}

func summary(m *soap.Message) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "version %s\noperation {%s}%s\nconverted=%v\nsecurity=%v timestamp=%v to=%q\n",
		versions[m.Version], m.Operation.Namespace, m.Operation.Local, m.Converted, m.HasSecurity, m.HasTimestamp, m.To)
	if m.Token != nil {
		fmt.Fprintf(
			&b, "token user=%q password=%q present=%v\n", m.Token.Username, m.Token.Password.Reveal(),
			m.Token.HasPassword,
		)
		for _, r := range m.Token.Readings() {
			fmt.Fprintf(&b, "  reading %q\n", r.Reveal())
		}
	}
	if c := m.Credential; c != nil {
		fmt.Fprintf(&b, "body email=%q password=%q account=%q envelope=%q goto=%q return=%q base=%v suppress=%v\n",
			c.Username, c.Password.Reveal(), c.Text("AccountID"), c.Text("EnvelopeID"), c.Text("GoToEnvelopeID"),
			c.Text("ReturnURL"), c.True("ReturnBaseUrl"), c.True("SuppressNavigation"))
	}
	return b.Bytes()
}

func TestEveryShapeIsReadAndEditedByteForByte(t *testing.T) {
	for _, s := range samples(t) {
		for way, chunk := range chunkings {
			t.Run(s.name+" "+way, func(t *testing.T) {
				m := open(t, s, chunk)
				golden(t, s.name+".read", summary(m))
				if plain := forwarded(t, m, len(s.body)); !m.Decoded && !m.Converted && !bytes.Equal(plain, s.body) {
					t.Errorf("without an edit the message changed to %q", plain)
				}
				m = open(t, s, chunk)
				if original, err := io.ReadAll(m.Original()); err != nil || !m.Decoded && !bytes.Equal(original, s.body) {
					t.Errorf("Original is %q, %v", original, err)
				}

				if m = open(t, s, chunk); m.Token != nil {
					must(t, m.RemoveToken())
					out := forwarded(t, m, len(s.body))
					golden(t, s.name+".removed", out)
					noPassword(t, out)

					m = open(t, s, chunk)
					must(t, m.Token.SetPassword(secret.New(newPassword)))
					out = forwarded(t, m, len(s.body))
					golden(t, s.name+".replaced", out)
					noPassword(t, out)

					m = open(t, s, chunk)
					if m.To != "" {
						must(t, m.SetTo("https://demo.docusign.net/api/3.0/api.asmx?x&y"))
					}
					must(t, m.Token.SetUsername("[KEY]änna@example.com"))
					must(t, m.Token.SetPassword(secret.New("first")))
					must(t, m.Token.SetPassword(secret.New("")))
					golden(t, s.name+".several", forwarded(t, m, len(s.body)))
				}
				if m = open(t, s, chunk); m.Credential != nil && m.Credential.HasPassword {
					must(t, m.Credential.SetPassword(secret.New(newPassword)))
					must(t, m.Credential.SetUsername("anna@example.com"))
					golden(t, s.name+".replaced", forwarded(t, m, len(s.body)))
				}
			})
		}
	}
}
