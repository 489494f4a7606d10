package reply

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

// MaxLoginInformation is the largest upstream answer that is rewritten, in bytes; an account takes about 500.
const MaxLoginInformation = 8 << 20

// ErrNotLoginInformation says that an upstream answer has another form than PROTOCOL.md §2.2, §2.3 or §4.7 shows.
// The answer should then be built from UserInfo instead of being passed on.
var ErrNotLoginInformation = errors.New("not a login answer")

// RewriteOptions say what besides the URLs changes in an upstream login_information answer.
type RewriteOptions struct {
	APIPassword secret.Text // stands for apiPassword in the answer; empty: none was asked for and DocuSign's own is taken out
	URLsOnly    bool        // nothing but the URLs changes: the program stays with DocuSign's own password
}

// Rewrite gives the URL to be written for an account's base URL. It is told the ids under which the answer lists the
// account.
type Rewrite func(baseURL string, ids []string) string

// RewriteLoginInformation edits an upstream login_information answer in JSON or XML: each baseUrl becomes rewrite's,
// the default account comes first, a boolean isDefault becomes the string that callers compare, apiPassword is
// replaced, added or removed. All other bytes stay. The body must be decoded (no Content-Encoding) and UTF-8;
// otherwise, or if the form is unknown, the error wraps ErrNotLoginInformation and nothing is returned.
func RewriteLoginInformation(body []byte, contentType string, rewrite Rewrite, o RewriteOptions) ([]byte, error) {
	e, form, err := newEditor(body, contentType, rewrite)
	if err != nil {
		return nil, fmt.Errorf("rewrite login_information: %w", err)
	}
	e.only = o.URLsOnly
	if form == '{' {
		err = e.loginJSON(o)
	} else {
		err = e.loginXML(o)
	}
	if err != nil {
		return nil, fmt.Errorf("rewrite login_information: %w: %w", ErrNotLoginInformation, err)
	}
	return e.bytes(), nil
}

// RewriteLoginResponse edits an upstream Credential.Login answer the same way: only the text of each BaseUrl changes.
// An answer with Success=false has none and comes back as it is.
func RewriteLoginResponse(body []byte, contentType string, rewrite Rewrite) ([]byte, error) {
	e, form, err := newEditor(body, contentType, rewrite)
	if err == nil && form != '<' {
		err = ErrNotLoginInformation
	}
	if err != nil {
		return nil, fmt.Errorf("rewrite login response: %w", err)
	}
	if err := e.loginSOAP(); err != nil {
		return nil, fmt.Errorf("rewrite login response: %w: %w", ErrNotLoginInformation, err)
	}
	return e.bytes(), nil
}

// editor collects replacements in src by byte offsets and then writes everything once.
type editor struct {
	src     []byte
	rewrite Rewrite
	only    bool // URLsOnly
	edits   []edit
	slots   []span // the accounts, in the order they stand
	first   int    // index in slots of the account to move to the front
}

type span struct{ start, end int }

type edit struct {
	span
	text []byte
}

func newEditor(body []byte, contentType string, rewrite Rewrite) (*editor, byte, error) {
	if len(body) > MaxLoginInformation {
		return nil, 0, fmt.Errorf("%w: larger than %d bytes", ErrNotLoginInformation, MaxLoginInformation)
	}
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "us-ascii") {
			return nil, 0, fmt.Errorf("%w: charset is not utf-8", ErrNotLoginInformation)
		}
	}
	text := bytes.TrimLeft(body[bom(body):], " \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '<' {
		return nil, 0, fmt.Errorf("%w: neither JSON nor XML", ErrNotLoginInformation)
	}
	return &editor{src: body, rewrite: rewrite}, text[0], nil
}

// bom returns the length of a UTF-8 byte order mark, which .NET may write.
func bom(b []byte) int {
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		return 3
	}
	return 0
}

func (e *editor) replace(start, end int, text []byte) {
	e.edits = append(e.edits, edit{span{start, end}, text})
}

// bytes writes the edited text, with the account e.first in the first slot and the gaps between the slots where they are.
func (e *editor) bytes() []byte {
	slices.SortStableFunc(e.edits, func(a, b edit) int { return a.start - b.start })
	dst := make([]byte, 0, len(e.src)+256)
	at := 0
	for i, slot := range e.slots[:min(e.first+1, len(e.slots))] {
		from := e.first
		if i > 0 {
			from = i - 1
		}
		dst = e.appendRange(dst, at, slot.start)
		dst = e.appendRange(dst, e.slots[from].start, e.slots[from].end)
		at = slot.end
	}
	return e.appendRange(dst, at, len(e.src))
}

// appendRange copies src[from:to] with the edits that begin in it. No edit crosses the border of a slot.
func (e *editor) appendRange(dst []byte, from, to int) []byte {
	i, _ := slices.BinarySearchFunc(e.edits, from, func(d edit, at int) int { return d.start - at })
	for ; i < len(e.edits) && e.edits[i].start < to; i++ {
		d := e.edits[i]
		dst = append(dst, e.src[from:d.start]...)
		dst = append(dst, d.text...)
		from = d.end
	}
	return append(dst, e.src[from:to]...)
}
