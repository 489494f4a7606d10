package proxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"docusign-auth-proxy/proxy/route"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/translate/reply"
)

const maxErrorBody = 64 << 10

// editAnswer works on DocuSign's answer before it goes to the caller. The edits go from the head to the body.
func (f *forward) editAnswer(resp *http.Response) error {
	for _, edit := range [...]func(*forward, *http.Response){noteHead, editLocation, dropHostRules, noteError} {
		edit(f, resp)
	}
	if f.edit != nil {
		return f.edit(resp)
	}
	return nil
}

// noteHead keeps what DocuSign says of the call and of the account's limits (PROTOCOL.md §12).
func noteHead(f *forward, resp *http.Response) {
	if v := resp.Header["X-Docusign-Tracetoken"]; len(v) > 0 {
		f.event.TraceToken = v[0]
	}
	l := &f.event.Limits
	for _, limit := range [...]struct {
		name string
		to   *int64
	}{
		{"X-Ratelimit-Limit", &l.HourlyLimit}, {"X-Ratelimit-Remaining", &l.HourlyRemaining}, {"X-Ratelimit-Reset", &l.Reset},
		{"X-Burstlimit-Limit", &l.BurstLimit}, {"X-Burstlimit-Remaining", &l.BurstRemaining},
	} {
		if v := resp.Header[limit.name]; len(v) > 0 {
			if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
				*limit.to = n
			}
		}
	}
}

// editLocation leads back to this proxy where a site names its own API. Pages for a browser, such as the signing view,
// are reached without it (PROTOCOL.md §12).
func editLocation(f *forward, resp *http.Response) {
	if f.listed {
		return
	}
	for _, name := range [...]string{"Location", "Content-Location"} {
		for i, v := range resp.Header[name] {
			u, err := url.Parse(v)
			if err != nil || !isAPIPath(u.Path) {
				continue
			}
			if site := f.docuSignSite(u.Host); site != nil {
				resp.Header[name][i] = withOrigin(v, f.origin(site))
			}
		}
	}
}

func isAPIPath(path string) bool {
	for _, prefix := range [...]string{"/restapi", "/api/3.0"} {
		if rest, ok := route.CutPrefixFold(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// dropHostRules takes out what would bind the caller to the site, past this proxy (RFC 7838), or would be DocuSign's words
// about localhost or about a host that the program reaches on plain HTTP (PROTOCOL.md §12).
func dropHostRules(f *forward, resp *http.Response) {
	if f.listed {
		return
	}
	delete(resp.Header, "Alt-Svc")
	if f.r.TLS == nil || f.event.Door == call.DoorSidecar || f.event.Door == call.DoorForward {
		delete(resp.Header, "Strict-Transport-Security")
		delete(resp.Header, "Public-Key-Pins")
	}
}

// noteError keeps DocuSign's own error code for log and metric, and turns the status back for programs that know the old one.
func noteError(f *forward, resp *http.Response) {
	if resp.StatusCode < http.StatusBadRequest || f.event.Cause != "" {
		return
	}
	body := peekBody(resp)
	f.event.Cause = "docusign_" + strconv.Itoa(resp.StatusCode)
	if code := reply.ErrorCode(body); code != "" {
		f.event.Detail = "DocuSign answered " + code
	}
	if in := f.integration(); in != nil && in.OldStatusCodes && !f.native {
		setStatus(resp, reply.OldStatus(resp.StatusCode, body))
	}
}

func setStatus(resp *http.Response, status int) {
	if status != resp.StatusCode {
		resp.StatusCode, resp.Status = status, fmt.Sprintf("%d %s", status, http.StatusText(status))
	}
}

// editBody edits the body of an answer, whole. One that is too large, or cannot be edited, passes as it is.
func editBody(resp *http.Response, most int64, edit func(body []byte) ([]byte, error)) error {
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > most {
		resp.Body = &joinedBody{Reader: io.MultiReader(bytes.NewReader(body), resp.Body), Closer: resp.Body}
		return nil
	}
	if edited, err := edit(body); err == nil {
		body = edited
	}
	replaceBody(resp, body)
	return nil
}

func replaceBody(resp *http.Response, body []byte) {
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	setLength(resp, int64(len(body)))
	for _, stale := range [...]string{"Etag", "Content-Md5", "Digest", "Transfer-Encoding"} {
		resp.Header.Del(stale)
	}
}

// setLength writes the length of an edited body into the head.
func setLength(resp *http.Response, n int64) {
	resp.ContentLength, resp.TransferEncoding = n, nil
	resp.Header.Set("Content-Length", strconv.FormatInt(n, 10))
}

func replaceAnswer(resp *http.Response, a reply.Answer) {
	drain(resp)
	setStatus(resp, a.Status)
	for _, stale := range [...]string{"Content-Encoding", "Www-Authenticate", "Content-Type"} {
		resp.Header.Del(stale)
	}
	for name, values := range a.Header {
		resp.Header[name] = values
	}
	replaceBody(resp, a.Body)
}

type joinedBody struct {
	io.Reader
	io.Closer
}

// peekBody reads the beginning of an answer's body, decoded, and leaves the body as it was.
func peekBody(resp *http.Response) []byte {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil
	}
	if p, ok := resp.Body.(*peekedBody); ok {
		return p.text
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failingReader{err} // the caller sees the break where it happened
	}
	p := &peekedBody{
		joinedBody: joinedBody{Reader: io.MultiReader(bytes.NewReader(raw), rest), Closer: resp.Body},
		text:       decoded(raw, resp.Header.Get("Content-Encoding")),
	}
	resp.Body = p
	return p.text
}

type peekedBody struct {
	joinedBody
	text []byte
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// decoded undoes gzip and deflate; what it cannot undo it gives back as nothing, since it could only be misread.
func decoded(raw []byte, encoding string) []byte {
	var d io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return raw
	case "gzip", "x-gzip":
		d, err = gzip.NewReader(bytes.NewReader(raw))
	case "deflate":
		d, err = zlib.NewReader(bytes.NewReader(raw))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(d, maxErrorBody))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return text
}

// drain lets the connection be used again.
func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody))
	_ = resp.Body.Close()
}
