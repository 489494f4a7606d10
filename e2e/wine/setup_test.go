//go:build linux

package wine_test

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/processtest"
	"docusign-auth-proxy/internal/sandbox"
)

// setup is a configuration in a folder of drive C, and the stand-in for DocuSign, here.
type setup struct {
	t            *testing.T
	w            *windows
	folder       string // path on drive C
	config       string // path of the configuration
	proxy, admin string // addresses
	sandbox      *sandbox.Sandbox
}

// newSetup takes an address of loopback for itself alone; change may alter the configuration.
func (w *windows) newSetup(t *testing.T, folder string, change func(*setup, apptest.Section)) *setup {
	t.Helper()
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.SeedWith(apptest.SharedKeys().Integrations)
	if err != nil {
		t.Fatal(err)
	}
	host := w.address()
	s := &setup{
		t: t, w: w, folder: folder, config: folder + `\proxy.yaml`, sandbox: sb,
		proxy: processtest.Free(t, host), admin: processtest.Free(t, host),
	}
	if err := os.MkdirAll(w.local(folder), 0o700); err != nil {
		t.Fatal(err)
	}
	written := fixture.Config{Proxy: s.proxy, Admin: s.admin, Cost: 4}
	if _, err := written.Write(w.local(folder), sb, seed); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		s.change(func(c apptest.Section) { change(s, c) })
	}
	return s
}

// change rewrites the configuration.
func (s *setup) change(edit func(apptest.Section)) {
	s.t.Helper()
	path := s.w.local(s.config)
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	c := apptest.Section{}
	if err := yaml.Unmarshal(text, &c); err != nil {
		s.t.Fatal(err)
	}
	edit(c)
	if text, err = yaml.Marshal(c); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// address is one of loopback that nothing else here has, so that no two rows find the same port free.
func (w *windows) address() string { return fmt.Sprintf("127.25.0.%d", w.given.Add(1)) }

// run starts the proxy and waits until it is ready.
func (s *setup) run() *process {
	s.t.Helper()
	p := s.w.start(s.t, product, "run", "--config", s.config)
	s.ready(p.running)
	return p
}

// ready waits for the proxy; running tells why it will not come.
func (s *setup) ready(running func() error) {
	s.t.Helper()
	processtest.Await(s.t, "the proxy is ready", func() error {
		if err := running(); err != nil {
			return err
		}
		got, err := s.get("http://"+s.admin+"/-/ready", "", "")
		if err == nil && got.Status != http.StatusOK {
			err = errors.New(got.Body)
		}
		return err
	})
}

// do runs a command of the product with this configuration; it must end with 0.
func (s *setup) do(args ...string) string {
	s.t.Helper()
	return s.w.done(s.t, append(append([]string{product}, args...), "--config", s.config)...)
}

// get makes a call on a connection of its own.
func (s *setup) get(url, header, value string) (apptest.Answer, error) {
	s.t.Helper()
	req := apptest.Request(s.t, http.MethodGet, url, nil)
	if header != "" {
		req.Header.Set(header, value)
	}
	return send(req)
}

func send(req *http.Request) (a apptest.Answer, err error) {
	client := http.Client{Timeout: processtest.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return apptest.Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(text)}, err
}

// good fails the test unless a call of anna is answered as it should be; a token in place of her password may be given.
func (s *setup) good(token string) {
	s.t.Helper()
	header, value := "X-DocuSign-Authentication", apptest.AnnaJSON
	if token != "" {
		header, value = "Authorization", "bearer "+token
	}
	got, err := s.get("http://"+s.proxy+apptest.LoginPath, header, value)
	if err != nil || got.Status != http.StatusOK || !strings.Contains(got.Body, `"accountId": "1234567"`) {
		s.t.Fatalf("a call: %d, %v\n%s", got.Status, err, got.Body)
	}
}

// login gets an issued token for anna.
func (s *setup) login() string {
	s.t.Helper()
	form := apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	got, err := send(apptest.TokenRequest(s.t, "http://"+s.proxy, form))
	if err != nil {
		s.t.Fatal(err)
	}
	return apptest.AccessToken(s.t, got)
}

// calls is how many calls the report of the running proxy knows.
func (s *setup) calls() int {
	s.t.Helper()
	_, table, _ := strings.Cut(s.do("report", "--format", "csv"), "\n") // the first line tells where it is from
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, r := range rows {
		if r[0] == "caller" {
			calls, err := strconv.Atoi(r[slices.Index(rows[0], "calls")])
			if err != nil {
				s.t.Fatal(err)
			}
			n += calls
		}
	}
	return n
}

// slowCall is a call whose body is half sent.
type slowCall struct {
	t    *testing.T
	conn net.Conn
	rest string
}

// slow begins a call that is under way until it is finished.
func (s *setup) slow() *slowCall {
	s.t.Helper()
	body := `{"status":"created","emailSubject":"an order"}`
	conn, err := net.DialTimeout("tcp", s.proxy, processtest.Patience)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(processtest.Patience))
	// 100 Continue tells that the proxy has begun to read the body.
	_, err = fmt.Fprintf(conn, "POST /restapi/v2/accounts/1234567/envelopes HTTP/1.1\r\nHost: x\r\n"+
		"X-DocuSign-Authentication: %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"+
		"Content-Length: %d\r\n\r\n", apptest.AnnaJSON, len(body))
	if err != nil {
		s.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		s.t.Fatalf("a call with Expect is answered %q, %v", line, err)
	}
	if _, err := io.WriteString(conn, body[:20]); err != nil {
		s.t.Fatal(err)
	}
	return &slowCall{t: s.t, conn: conn, rest: body[20:]}
}

// finish sends the rest; the call must be carried out.
func (c *slowCall) finish() {
	c.t.Helper()
	_, err := io.WriteString(c.conn, c.rest)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(c.conn) // the proxy closes it, for it is stopping
	}
	if err != nil || !strings.Contains(string(text), " 201 ") || !strings.Contains(string(text), "envelopeId") {
		c.t.Errorf("the call under way: %v, %q", err, text)
	}
}

// stopping waits until the proxy takes no more calls.
func (s *setup) stopping() {
	s.t.Helper()
	processtest.Await(s.t, "the listener is closed", func() error {
		c, err := net.DialTimeout("tcp", s.proxy, processtest.Patience)
		if err != nil {
			return nil
		}
		return errors.Join(errors.New("it takes connections"), c.Close())
	})
}
