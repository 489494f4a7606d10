package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// operationsDone is what the programs soap_operations.* print.
type operationsDone struct {
	Account, EnvelopeID, Sent, Status, Recipient, Created, Address, PDF, Fault string
	Documents                                                                  []string
	Voided                                                                     bool
}

// wiretap hands connections on to the sidecar and keeps what goes over them, so that the programs' own version of HTTP
// stays what it is.
type wiretap struct {
	origin string
	mu     sync.Mutex
	conns  []*[2]bytes.Buffer // from the program, from the proxy
	under  sync.WaitGroup
}

func (r *rig) tap(t *testing.T) *wiretap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{origin: "http://" + l.Addr().String()}
	to := r.Addr(call.DoorSidecar)
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			w.under.Go(func() { w.carry(from, to) })
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		w.under.Wait()
	})
	return w
}

func (w *wiretap) carry(from net.Conn, addr string) {
	defer from.Close()
	to, err := net.Dial("tcp", addr)
	if err != nil {
		return // the program sees a closed connection
	}
	defer to.Close()
	seen := &[2]bytes.Buffer{}
	w.mu.Lock()
	w.conns = append(w.conns, seen)
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(to, io.TeeReader(from, &seen[0])) // its end is that of the connection
		_ = to.(*net.TCPConn).CloseWrite()
	})
	both.Go(func() {
		_, _ = io.Copy(from, io.TeeReader(to, &seen[1]))
		_ = from.(*net.TCPConn).CloseWrite()
		_ = from.SetReadDeadline(time.Now()) // a program that has its answer may keep the connection open
	})
	both.Wait()
}

// calls are the requests with their answers, when the program has ended.
func (w *wiretap) calls(t *testing.T) map[*http.Request]apptest.Answer {
	t.Helper()
	w.under.Wait()
	all := map[*http.Request]apptest.Answer{}
	for _, c := range w.conns {
		requests, answers := bufio.NewReader(&c[0]), bufio.NewReader(&c[1])
		for {
			req, err := http.ReadRequest(requests)
			if err != nil {
				break
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(answers, req)
			for err == nil && resp.StatusCode < 200 {
				resp, err = http.ReadResponse(answers, req)
			}
			if err != nil {
				t.Fatalf("%s %s: %v", req.Method, req.URL, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatalf("%s %s: %v", req.Method, req.URL, err)
			}
			all[req] = apptest.Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
		}
	}
	return all
}

// checkCalls validates each answer against the schema in the WSDL that the program itself is given.
func (r *rig) checkCalls(t *testing.T, w *wiretap, proto string) {
	t.Helper()
	xmllint := needTool(t, "xmllint")
	schemas := map[string]string{}
	operations := 0
	for req, got := range w.calls(t) {
		if req.Method != http.MethodPost {
			continue
		}
		operations++
		if got.Status == http.StatusInternalServerError && strings.Contains(got.Body, "Envelope_Does_Not_Exist") {
			continue // the WSDL has no schema for faults
		}
		if req.Proto != proto || proto == "HTTP/1.0" && got.Header.Get("Content-Length") == "" {
			t.Errorf("%s: sent in %s, want %s; the answer's header %v", req.Header.Get("SOAPAction"), req.Proto, proto,
				got.Header)
		}
		service := strings.TrimSuffix(filepath.Base(req.URL.Path), ".asmx")
		if schemas[service] == "" {
			schemas[service], _ = r.schemaOf(t, service)
		}
		validate(t, xmllint, schemas[service], got)
		zoned := regexp.MustCompile(`<(Created|Sent|TimeGenerated)>[^<]*(Z|[+-]\d\d:\d\d)</`)
		if service == "api" && zoned.MatchString(got.Body[strings.Index(got.Body, "<soap:Body>"):]) {
			t.Errorf("a date with a zone: %s", got.Body)
		}
	}
	if operations != 7 {
		t.Errorf("the program made %d SOAP calls, want 7", operations)
	}
}

// checkDone holds what the program saw against what became of the envelope at DocuSign.
func (r *rig) checkDone(t *testing.T, out string, before []sandbox.Envelope) {
	t.Helper()
	var d operationsDone
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if d.Sent != "Sent" || d.Status != "Sent" || d.Recipient != "Cora Signer" || d.Created == "" || d.PDF != "%PDF" ||
		!d.Voided || d.Fault != "Envelope_Does_Not_Exist" ||
		!slices.Equal(d.Documents, []string{"a.pdf", "Summary"}) || !strings.HasPrefix(d.Address, "https://") {
		t.Errorf("the program saw %+v", d)
	}
	made := slices.DeleteFunc(r.Sandbox.Envelopes(), func(e sandbox.Envelope) bool {
		return slices.ContainsFunc(before, func(b sandbox.Envelope) bool { return b.ID == e.ID })
	})
	if len(made) != 1 || made[0].ID != d.EnvelopeID || made[0].AccountID != d.Account || made[0].Status != "voided" ||
		made[0].Subject != "Please sign & return" || len(made[0].Documents) != 1 ||
		made[0].Documents[0].Size != int64(len("%PDF-1.4 small")) {
		t.Errorf("at DocuSign: %+v", made)
	}
	if c := r.Sandbox.Counts(); c.SOAP+c.Legacy.Total() > 0 || len(c.SOAPRefused) > 0 {
		t.Errorf("SOAP or a legacy credential reached DocuSign: %+v", c)
	}
	r.NoLeak()
}

// withRedirector leads the signers' browsers over the proxy.
func withRedirector(c *fixture.Config) {
	edit := c.Edit
	c.Edit = func(integrations []map[string]any) {
		edit(integrations)
		for _, in := range integrations {
			in["soap_rest"] = map[string]any{"public_url": "https://sign.example.com"}
		}
	}
}

// soapStack is one client library. make prepares its stubs from the WSDL at origin, and gives the command that runs the
// program without its arguments, and arguments after them.
type soapStack struct {
	name, proto string
	make        func(t *testing.T, r *rig, origin string) (command, more []string)
}

func TestOldSOAPClientsWorkOverREST(t *testing.T) {
	t.Parallel()
	for _, s := range []soapStack{
		{"PHP SoapClient", "HTTP/1.1", func(t *testing.T, _ *rig, _ string) ([]string, []string) {
			php := needTool(t, "php")
			if out, err := exec.Command(php, "-m").Output(); err != nil || !strings.Contains(string(out), "\nsoap\n") {
				missing(t, "php-soap is not installed; .ci/install installs it")
			}
			return []string{php, clientProgram(t, "soap_operations.php")}, nil
		}},
		{"Python zeep", "HTTP/1.1", func(t *testing.T, _ *rig, _ string) ([]string, []string) {
			return []string{debianPython(t, "zeep"), clientProgram(t, "soap_operations.py")}, nil
		}},
		{"npm soap", "HTTP/1.1", func(t *testing.T, _ *rig, _ string) ([]string, []string) {
			modules := filepath.Join(toolsFolder(), "npm")
			if _, err := os.Stat(filepath.Join(modules, "node_modules", "soap")); err != nil || toolsFolder() == "" {
				missing(t, "npm's soap is not installed; .ci/install installs it")
			}
			return []string{needTool(t, "node"), clientProgram(t, "soap_operations.js")}, []string{modules}
		}},
		{"Axis 1.4", "HTTP/1.0", axis},
		{"gSOAP", "HTTP/1.1", gSOAP},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := overREST(t, withRedirector)
			command, more := s.make(t, r, r.Sidecar())
			w, before := r.tap(t), r.Sandbox.Envelopes()
			user := "[" + sandbox.LegacyKey + "]anna@example.com"
			args := slices.Concat(command[1:], []string{w.origin, user, r.Seed.User("anna@example.com").Password}, more)
			out := r.runClient(nil, command[0], args...)
			r.checkDone(t, out, before)
			r.checkCalls(t, w, s.proto)
		})
	}
}

// axis makes stubs with WSDL2Java and compiles the program with them.
func axis(t *testing.T, r *rig, origin string) (command, more []string) {
	java, javac := needTool(t, "java"), needTool(t, "javac")
	var jars []string
	for _, name := range []string{
		"axis", "axis-jaxrpc", "axis-saaj", "commons-logging", "commons-discovery", "wsdl4j",
	} {
		jar := filepath.Join("/usr/share/java", name+".jar")
		if _, err := os.Stat(jar); err != nil {
			missing(t, "libaxis-java is not installed; .ci/install installs it")
		}
		jars = append(jars, jar)
	}
	dir := t.TempDir()
	classpath := strings.Join(append(jars, filepath.Join(dir, "classes")), ":")
	for _, service := range []string{"api", "credential"} {
		r.runClient(nil, java, "-cp", classpath, "org.apache.axis.wsdl.WSDL2Java", "-o", filepath.Join(dir, "src"),
			origin+"/api/3.0/"+service+".asmx?WSDL")
	}
	r.runClient(nil, javac, "-nowarn", "-encoding", "UTF-8", "-d", filepath.Join(dir, "classes"), "-cp", classpath,
		"-sourcepath", filepath.Join(dir, "src"), clientProgram(t, "SoapOperations.java"))
	return []string{java, "-cp", classpath, "SoapOperations"}, nil
}

// gSOAP makes stubs with wsdl2h and soapcpp2 and compiles the program with them.
func gSOAP(t *testing.T, r *rig, origin string) (command, more []string) {
	wsdl2h, soapcpp2, cc := needTool(t, "wsdl2h"), needTool(t, "soapcpp2"), needTool(t, "cc")
	if _, err := os.Stat("/usr/include/stdsoap2.h"); err != nil {
		missing(t, "libgsoap-dev is not installed; .ci/install installs it")
	}
	dir := t.TempDir()
	stubs := filepath.Join(dir, "stubs.h")
	args := []string{"-c", "-x", "-o", stubs}
	for _, service := range []string{"api", "credential"} {
		file := filepath.Join(dir, service+".wsdl")
		_, wsdl := r.schemaOf(t, service)
		if err := os.WriteFile(file, []byte(wsdl), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	r.runClient(nil, wsdl2h, args...)
	made, err := os.ReadFile(stubs)
	if err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(clientProgram(t, "soap_operations.h"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stubs, append(made, header...), 0o600); err != nil {
		t.Fatal(err)
	}
	r.runClient(nil, soapcpp2, "-c", "-C", "-L", "-x", "-w", "-d", dir, stubs)
	program := filepath.Join(dir, "program")
	r.runClient(nil, cc, "-w", "-I", dir, "-o", program, clientProgram(t, "soap_operations.c"),
		filepath.Join(dir, "soapC.c"), filepath.Join(dir, "soapClient.c"), "-lgsoap")
	return []string{program}, nil
}
