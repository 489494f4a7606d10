package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

func TestBodiesArriveByteForByte(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	multipart := "--b\r\nContent-Type: " +
		"application/json\r\n\r\n{\"status\":\"sent\",\"documents\":[{\"documentId\":1," +
		"\"name\":\"s\"}]}\r\n--b\r\nContent-Disposition: documentId=1\r\nContent-Type: " +
		"application/pdf\r\n\r\n%PDF-\x00\xff\r\n\n\r\r\n--b--\r\n"
	xml := `<?xml version="1.0"?><envelopeDefinition ` +
		`xmlns="http://www.docusign.com/restapi"><status>sent</status><emailSubject>&lt;ü&#x20AC;&gt;</emailSubject>` +
		`</envelopeDefinition>`
	for _, c := range []struct {
		name, method, path, contentType string
		body                            []byte
		want                            int
	}{
		{"JSON", "POST", apptest.CreatePath, "application/json", []byte(envelopeJSON), 201},
		{"XML", "POST", apptest.CreatePath, "application/xml", []byte(xml), 201},
		{
			"multipart with CR, LF and NUL in the document", "POST", apptest.CreatePath, `multipart/form-data; boundary=b`,
			[]byte(multipart), 201,
		},
		{"a POST without a body", "POST", "/restapi/v2/accounts/1234567/views/console", "", nil, 201},
		{
			"PUT", "PUT", "/restapi/v2/accounts/1234567/envelopes/{id}", "application/json",
			[]byte(`{"status":"voided","voidedReason":"x"}`), 200,
		},
		{
			"DELETE with a body", "DELETE", "/restapi/v2/accounts/1234567/templates/x", "application/json", []byte(`{"a":1}`),
			404,
		},
		{"GET with a body", "GET", apptest.ListPath, "application/json", []byte(`{"a":1}`), 200},
		{"one byte less than can be replayed", "POST", apptest.CreatePath, "application/json", apptest.BigEnvelope(1<<20 - 1),
			201},
		{"exactly what can be replayed", "POST", apptest.CreatePath, "application/json", apptest.BigEnvelope(1 << 20), 201},
		{"one byte more than can be replayed", "POST", apptest.CreatePath, "application/json", apptest.BigEnvelope(1<<20 + 1),
			201},
	} {
		for _, length := range []string{"fixed length", "chunked"} {
			t.Run(c.name+", "+length, func(t *testing.T) {
				id := r.Sandbox.AddEnvelope(sandbox.Envelope{AccountID: sandbox.ExampleAccountID, Status: "sent"})
				var body io.Reader = bytes.NewReader(c.body)
				if length == "chunked" {
					body = io.MultiReader(body) // of a type whose length net/http does not know
				}
				if c.body == nil {
					body = nil
				}
				headers := []string{"X-DocuSign-Authentication", apptest.AnnaJSON}
				if c.contentType != "" {
					headers = append(headers, "Content-Type", c.contentType)
				}
				got := r.Do(nil, apptest.Request(t, c.method, r.Sidecar()+strings.ReplaceAll(c.path, "{id}", id), body, headers...))
				sent, sum := r.Last(t), sha256.Sum256(c.body)
				if got.Status != c.want || sent.Method != c.method ||
					(sent.BodySHA256 != hex.EncodeToString(sum[:]) && c.want != 200) {
					t.Errorf(
						"status %d, want %d; DocuSign read %s with %d bytes, want %d; %s", got.Status, c.want, sent.Method,
						sent.BodyLength, len(c.body), got.Body,
					)
				}
				if length == "fixed length" && sent.ContentLength != int64(len(c.body)) {
					t.Errorf("Content-Length %d went upstream, want %d", sent.ContentLength, len(c.body))
				}
			})
		}
	}
	r.NoLeak()
}

func TestLargeBodiesStream(t *testing.T) {
	r := newRig(t, nil)
	const size = 32 << 20
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for _, framing := range []string{"fixed length", "chunked"} {
		t.Run("upload of 32 MB, "+framing, func(t *testing.T) {
			sum := sha256.New()
			head := "--b\r\nContent-Type: " +
				"application/json\r\n\r\n{\"status\":\"sent\",\"documents\":[{\"documentId\":1," +
				"\"name\":\"s\"}]}\r\n--b\r\nContent-Disposition: documentId=1\r\n\r\n"
			tail := "\r\n--b--\r\n"
			atMost := uint64(0)
			watch := &watched{Reader: io.MultiReader(
				strings.NewReader(head), io.LimitReader(letters{}, size), strings.NewReader(tail),
			), every: 8 << 20, seen: func() {
				atMost = max(atMost, heap())
			}}
			req := apptest.Request(
				t, "POST", r.Sidecar()+apptest.CreatePath, io.TeeReader(watch, sum), "X-DocuSign-Authentication", apptest.AnnaJSON,
				"Content-Type",
				"multipart/form-data; boundary=b",
			)
			if framing == "fixed length" {
				req.ContentLength = int64(size + len(head) + len(tail))
			}
			if got := r.Do(nil, req); got.Status != 201 {
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
			if sent := r.Last(t); sent.BodySHA256 != hex.EncodeToString(sum.Sum(nil)) {
				t.Errorf("DocuSign read %d other bytes", sent.BodyLength)
			}
			if grown := int64(atMost) - int64(before); grown > 16<<20 {
				t.Errorf("the heap grew by %d MB during the upload", grown>>20)
			}
		})
	}
	t.Run("download of 40 MB", func(t *testing.T) {
		req := apptest.Request(
			t, "GET",
			r.Sidecar()+"/restapi/v2/accounts/1703061/envelopes/"+sandbox.CaptureEnvelopeID+"/documents/1?size=41943040", nil,
			"X-DocuSign-Authentication", apptest.LegacyJSON,
		)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		atMost := uint64(0)
		n, err := io.Copy(io.Discard, &watched{Reader: resp.Body, every: 8 << 20, seen: func() {
			atMost = max(atMost, heap())
		}})
		if err != nil || n != 40<<20 || resp.ContentLength != n {
			t.Errorf("%d bytes, announced %d, %v", n, resp.ContentLength, err)
		}
		if grown := int64(atMost) - int64(before); grown > 16<<20 {
			t.Errorf("the heap grew by %d MB during the download", grown>>20)
		}
	})
}

// watched calls seen now and then while it is read.
type watched struct {
	io.Reader
	every, at int
	seen      func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if w.at += n; w.at >= w.every {
		w.at = 0
		w.seen()
	}
	return n, err
}

// letters is text without end.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], "a document that is long enough to be worth copying, once more\n")
	}
	return len(p), nil
}

func TestAnswersPassUntouched(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	page := "/restapi/v2/accounts/1234567/odd"
	for _, c := range []struct {
		name, method string
		plan         sandbox.FailureSpec
		check        func(*testing.T, apptest.Heard)
	}{
		{"204 has no body", "GET", sandbox.FailureSpec{Status: 204}, func(t *testing.T, h apptest.Heard) {
			if h.Body != "" || h.Header.Get("Content-Length") == "0" && h.Status != 204 {
				t.Errorf("%v %q", h.Header, h.Body)
			}
		}},
		{"304 keeps its validators", "GET", sandbox.FailureSpec{
			Status: 304, Header: http.Header{"Etag": {`"x"`}},
		}, func(t *testing.T, h apptest.Heard) {
			if h.Header.Get("Etag") != `"x"` {
				t.Errorf("%v", h.Header)
			}
		}},
		{"HEAD keeps length and type", "HEAD", sandbox.FailureSpec{
			Status: 200, Body: "twelve bytes", ContentType: "text/plain",
		}, func(t *testing.T, h apptest.Heard) {
			if h.Header.Get("Content-Length") != "12" || h.Body != "" {
				t.Errorf("%v %q", h.Header, h.Body)
			}
		}},
		{"a redirect is not followed", "GET", sandbox.FailureSpec{Status: 302, Header: http.Header{"Location": {
			"https://evil.example.com/",
		}}}, func(t *testing.T, h apptest.Heard) {
			if h.Header.Get("Location") != "https://evil.example.com/" {
				t.Errorf("%v", h.Header)
			}
		}},
		{"odd and repeated headers", "GET", sandbox.FailureSpec{Status: 200, Header: http.Header{
			"X-Odd": {"a", "b;c"}, "Set-Cookie": {"x=1", "y=2"}, "X-Ratelimit-Remaining": {"17"},
			"Content-Disposition": {`file; filename="ü.pdf"`},
		}}, func(t *testing.T, h apptest.Heard) {
			if !slices.Equal(h.Header["X-Odd"], []string{"a", "b;c"}) || len(h.Header["Set-Cookie"]) != 2 ||
				h.Header.Get("X-Ratelimit-Remaining") != "17" || h.Header.Get("Content-Disposition") != `file; filename="ü.pdf"` {
				t.Errorf("%v", h.Header)
			}
		}},
		{"hop-by-hop headers stop here", "GET", sandbox.FailureSpec{Status: 200, Header: http.Header{
			"Connection": {"X-Hop"}, "X-Hop": {"1"}, "Proxy-Authenticate": {"Basic"}, "Keep-Alive": {"timeout=5"},
		}}, func(t *testing.T, h apptest.Heard) {
			for _, name := range []string{"X-Hop", "Proxy-Authenticate", "Keep-Alive"} {
				if h.Header.Get(name) != "" {
					t.Errorf("%s passed", name)
				}
			}
		}},
		{"444 with HTML from the edge", "GET", sandbox.FailureSpec{
			Status: 444, Body: "<html>no</html>", ContentType: "text/html",
		}, func(t *testing.T, h apptest.Heard) {
			if h.Body != "<html>no</html>" || h.Header.Get("Content-Type") != "text/html" {
				t.Errorf("%v %q", h.Header, h.Body)
			}
		}},
		{"an error body larger than what is looked at", "GET", sandbox.FailureSpec{
			Status: 400, Body: strings.Repeat("e", 200<<10),
		}, func(t *testing.T, h apptest.Heard) {
			if len(h.Body) != 200<<10 {
				t.Errorf("%d bytes", len(h.Body))
			}
		}},
		{
			"429 stays 429 unless asked for otherwise", "GET",
			sandbox.FailureSpec{Status: 429, Body: `{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED","message":"m"}`}, nil,
		},
		{"503 of DocuSign stays 503 with its Retry-After", "GET", sandbox.FailureSpec{
			Status: 503, Header: http.Header{"Retry-After": {"77"}},
		}, func(t *testing.T, h apptest.Heard) {
			if h.Header.Get("Retry-After") != "77" {
				t.Errorf("%v", h.Header)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.plan.Path = page
			r.Sandbox.FailNext(c.plan)
			w := r.Dial(t, call.DoorSidecar)
			w.Send(c.method + " " + page + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n\r\n")
			got := w.Read(c.method)
			if got.Status != c.plan.Status || got.Err != nil {
				t.Fatalf("status %d, want %d, %v", got.Status, c.plan.Status, got.Err)
			}
			if c.check != nil {
				c.check(t, got)
			}
			w.Send("GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
			if next := w.Read("GET"); next.Status != 200 {
				t.Errorf("the connection is out of step: the next answer is %d", next.Status)
			}
		})
	}
}

func TestRequestsPassUntouchedButForTheCredential(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	w := r.Dial(t, call.DoorSidecar)
	w.Send("GET //restapi/v2/accounts/1234567/a%2Bb//c%20d;p=1/%C3%BC?x=1;y=2&bad=%zz&+&=&q=%2B+ HTTP/1.1\r\nHost: x\r\n" +
		"X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\nX-DocuSign-Act-As-User: anna@example.com\r\n" +
		"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nForwarded: for=192.0.2.1\r\nX-Forwarded-Host: " +
		"h\r\nX-Forwarded-Anything: 1\r\nX-Real-IP: 192.0.2.1\r\nVia: 1.1 inside\r\nTrue-Client-IP: 192.0.2.1\r\n" +
		"X-DocuSign-Edit: {\"LockToken\":\"t\"}\r\nX-DocuSign-TimeTrack: 1\r\nX-DocuSign-Act-On-Behalf: g\r\nX-Twice: " +
		"1\r\nX-Twice: 2\r\nAccept-Language: de\r\n" +
		"Cookie: a=b\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nConnection: X-Hop, " +
		"keep-alive\r\nX-Hop: 1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n")
	w.Read("GET")
	sent := r.Last(t)
	// But for doubled slashes, which are collapsed before anything is decided (PROTOCOL.md §1.6).
	if sent.Path != "/restapi/v2/accounts/1234567/a%2Bb/c%20d;p=1/%C3%BC" ||
		sent.RawQuery != "x=1;y=2&bad=%zz&+&=&q=%2B+" {
		t.Errorf("DocuSign was asked for %s ? %s", sent.Path, sent.RawQuery)
	}
	want := http.Header{
		"X-Docusign-Edit": {`{"LockToken":"t"}`}, "X-Docusign-Timetrack": {"1"}, "X-Docusign-Act-On-Behalf": {"g"},
		"X-Twice": {"1", "2"}, "Accept-Language": {"de"},
		"Cookie": {"a=b"}, "Upgrade-Insecure-Requests": {"1"},
	}
	for name, values := range sent.Header {
		if name == "Authorization" {
			continue
		}
		if !slices.Equal(values, want[name]) {
			t.Errorf("%s: %q went upstream, want %q", name, values, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s did not go upstream", name)
	}
	if a := sent.Header["Authorization"]; len(a) != 1 || !strings.HasPrefix(a[0], "Bearer eyJ") {
		t.Errorf("%d Authorization headers", len(a))
	}
}

func TestABrokenConnectionIsNeverACleanAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	page := "/restapi/v2/accounts/1234567/broken"
	for _, version := range []string{"HTTP/1.1", "HTTP/1.0"} {
		t.Run("DocuSign breaks off in the middle of an answer, "+version, func(t *testing.T) {
			r.Sandbox.FailNext(sandbox.FailureSpec{
				Path: page, Status: 200, Body: strings.Repeat("x", 100_000), Drop: sandbox.DropMidBody,
			})
			w := r.Dial(t, call.DoorSidecar)
			w.Send("GET " + page + " " + version + "\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n\r\n")
			if got := w.Read("GET"); got.Status != 200 || got.Err == nil {
				t.Errorf("status %d, %d bytes, no error", got.Status, len(got.Body))
			}
			apptest.Eventually(t, "the cut answer is logged as such", func() bool {
				return strings.Contains(r.Log.String(), "cause=cut_off")
			})
		})
	}
	t.Run("DocuSign breaks off in the middle of an error", func(t *testing.T) {
		r.Sandbox.FailNext(sandbox.FailureSpec{
			Path: page, Status: 401,
			Body: strings.Repeat(" ", 1000) + `{"errorCode":"AUTHORIZATION_INVALID_TOKEN","message":"m"}`,
			Drop: sandbox.DropMidBody,
		})
		w := r.Dial(t, call.DoorSidecar)
		w.Send("GET " + page + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n\r\n")
		if got, err := w.Hear("GET"); err == nil && got.Err == nil {
			t.Errorf("status %d, %d bytes, no error", got.Status, len(got.Body))
		}
	})
	t.Run("the caller goes away in the middle of a download", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send(
			"GET /restapi/v2/accounts/1703061/envelopes/" + sandbox.CaptureEnvelopeID +
				"/documents/1?size=41943040 HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.LegacyJSON + "\r\n\r\n",
		)
		if _, err := io.ReadFull(w.In, make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		apptest.Eventually(t, "the call ends", func() bool { return r.Program.Server.Active() == 0 })
	})
	for _, size := range []int{len(envelopeJSON), 3 << 20} {
		for _, framing := range []string{"fixed length", "chunked"} {
			t.Run(fmt.Sprintf(
				"the caller goes away in the middle of an upload of %d bytes, %s", size, framing,
			), func(t *testing.T) {
				r.Sandbox.ResetCounts()
				body := apptest.BigEnvelope(max(size, 200))
				text := post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(body)), string(body))
				if framing == "chunked" {
					text = post("HTTP/1.1", "Transfer-Encoding: chunked\r\n", apptest.Chunked(body, 64<<10, "%x"))
				}
				w := r.Dial(t, call.DoorSidecar)
				w.Send(text[:len(text)-20])
				apptest.Eventually(t, "the call begins", func() bool { return r.Program.Server.Active() == 1 })
				_ = w.Close()
				apptest.Eventually(t, "the call ends", func() bool { return r.Program.Server.Active() == 0 })
				for _, q := range r.AtSites() {
					if q.Complete {
						t.Errorf("DocuSign took %d bytes for the whole", q.BodyLength)
					}
				}
				if n := r.Sandbox.Counts().Envelopes; n != 0 {
					t.Errorf("%d envelopes were made", n)
				}
			})
		}
	}
}

func TestAFailureOnTheWayIsNeverCoveredByASecondPOST(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	warm := func(t *testing.T) { // a kept connection, which net/http would like to replace quietly
		t.Helper()
		if got := r.Do(
			nil, apptest.Request(t, "GET", r.Sidecar()+apptest.ListPath, nil, "X-DocuSign-Authentication", apptest.AnnaJSON),
		); got.Status != 200 {
			t.Fatalf("status %d", got.Status)
		}
		r.Sandbox.ResetCounts()
	}
	for _, c := range []struct {
		name      string
		plan      sandbox.FailureSpec
		status    int
		envelopes int
	}{
		{"the connection breaks before anything is read", sandbox.FailureSpec{Drop: sandbox.DropBefore}, 502, 0},
		{"the connection breaks after the work", sandbox.FailureSpec{Drop: sandbox.DropAfterWork}, 502, 1},
		{
			"DocuSign answers 500", sandbox.FailureSpec{Status: 500, Body: `{"errorCode":"AUTHORIZATION_INVALID_TOKEN"}`}, 500,
			0,
		},
		{"DocuSign answers 503", sandbox.FailureSpec{Status: 503}, 503, 0},
	} {
		for _, size := range []int{300, 2 << 20} {
			t.Run(fmt.Sprintf("%s, %d bytes", c.name, size), func(t *testing.T) {
				warm(t)
				c.plan.Path, c.plan.Method = apptest.CreatePath, "POST"
				r.Sandbox.FailNext(c.plan)
				got := r.Do(
					nil,
					apptest.Request(
						t, "POST", r.Sidecar()+apptest.CreatePath, bytes.NewReader(apptest.BigEnvelope(size)),
						"X-DocuSign-Authentication", apptest.AnnaJSON,
						"Content-Type", "application/json",
					),
				)
				if n := len(r.AtSites()); got.Status != c.status || n != 1 || r.Sandbox.Counts().Envelopes != c.envelopes {
					t.Errorf(
						"status %d, want %d; sent %d times; %d envelopes, want %d", got.Status, c.status, n, r.Sandbox.Counts().Envelopes,
						c.envelopes,
					)
				}
				r.Sandbox.ClearFailures()
			})
		}
	}
	t.Run("no connection at all", func(t *testing.T) {
		_ = r.Sandbox.Close()
		got := r.Do(
			nil,
			apptest.Request(t, "POST", r.Sidecar()+apptest.CreatePath, strings.NewReader(envelopeJSON),
				"X-DocuSign-Authentication", apptest.AnnaJSON),
		)
		if got.Status != 502 || !strings.Contains(got.Body, "could not be reached") {
			t.Errorf("status %d %q", got.Status, got.Body)
		}
	})
}
