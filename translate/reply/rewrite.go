package reply

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
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
	APIPassword secret.Text // stands for apiPassword; empty: none was asked for, and DocuSign's own is taken out
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
	e, err := newEditor(body, contentType, rewrite)
	if err != nil {
		return nil, fmt.Errorf("rewrite login_information: %w", err)
	}
	e.only = o.URLsOnly
	edit := e.loginXML
	if e.json {
		edit = e.loginJSON
	}
	if err := edit(o); err != nil {
		return nil, fmt.Errorf("rewrite login_information: %w: %w", ErrNotLoginInformation, err)
	}
	return e.bytes(), nil
}

// RewriteLoginResponse edits an upstream Credential.Login answer the same way: only the text of each BaseUrl changes.
// An answer with Success=false has none and comes back as it is.
func RewriteLoginResponse(body []byte, contentType string, rewrite Rewrite) ([]byte, error) {
	e, err := newEditor(body, contentType, rewrite)
	if err == nil && e.json {
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
	json    bool
	rewrite Rewrite
	only    bool // URLsOnly
	edits   []edit
	slots   []span // the accounts, in the order they stand
	first   int    // index in slots of the account to move to the front
	chosen  bool
	account account
}

// account is what has been read of the present account.
type account struct {
	ids       []string
	urls      []node
	isDefault bool
}

type edit struct {
	span
	text []byte
}

func newEditor(body []byte, contentType string, rewrite Rewrite) (*editor, error) {
	if len(body) > MaxLoginInformation {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrNotLoginInformation, MaxLoginInformation)
	}
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "us-ascii") {
			return nil, fmt.Errorf("%w: charset is not utf-8", ErrNotLoginInformation)
		}
	}
	text := bytes.TrimLeft(body[bom(body):], " \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '<' {
		return nil, fmt.Errorf("%w: neither JSON nor XML", ErrNotLoginInformation)
	}
	return &editor{src: body, rewrite: rewrite, json: text[0] == '{'}, nil
}

func (e *editor) loginJSON(o RewriteOptions) error {
	if !json.Valid(e.src[bom(e.src):]) {
		return errors.New("malformed JSON")
	}
	var root []node // members
	var lists int
	var wrong error
	err := walkJSON(e.src, func(n node) {
		below, inside := strings.CutPrefix(n.path, "loginAccounts/[]")
		switch kind := e.src[n.value.start]; {
		case n.path == "loginAccounts":
			if lists++; lists > 1 || kind != '[' {
				wrong = errors.New("loginAccounts is not one array")
			}
		case inside && below == "" && kind != '{':
			wrong = errors.New("an account is not an object")
		case inside:
			e.visit(below, n)
		}
		if n.depth == 1 {
			root = append(root, n)
		}
	})
	switch {
	case err != nil || wrong != nil:
		return cmp.Or(err, wrong)
	case lists == 0:
		return errors.New("no loginAccounts")
	case !e.only:
		e.passwordJSON(root, o.APIPassword.Reveal())
	}
	return nil
}

func (e *editor) loginXML(o RewriteOptions) error {
	const root = "loginInformation"
	var list *node
	var passwords []node
	err := walkXML(xml.NewDecoder(bytes.NewReader(e.src)), func(n node) {
		switch n.path {
		case root + "/apiPassword":
			passwords = append(passwords, n)
		case root + "/loginAccounts":
			list = &n
		}
		if below, ok := strings.CutPrefix(n.path, root+"/loginAccounts/loginAccount"); ok {
			e.visit(below, n)
		}
	})
	switch {
	case err != nil:
		return err
	case list == nil:
		return errors.New("no loginAccounts")
	case !e.only:
		e.passwordXML(*list, passwords, o.APIPassword.Reveal())
	}
	return nil
}

func (e *editor) loginSOAP() error {
	const result = "Envelope/Body/LoginResponse/LoginResult"
	found := false
	err := walkXML(xml.NewDecoder(bytes.NewReader(e.src)), func(n node) {
		found = found || n.path == result
		if below, ok := strings.CutPrefix(n.path, result+"/Accounts/Account"); ok {
			e.visit(below, n)
		}
	})
	if err == nil && !found {
		err = errors.New("no LoginResult")
	}
	return err
}

// visit edits an account, and what stands below it by that path.
func (e *editor) visit(below string, n node) {
	a := &e.account
	switch below {
	case "/accountId", "/accountIdGuid", "/AccountID":
		if n.leaf {
			a.ids = append(a.ids, strings.TrimSpace(n.text))
		}
	case "/baseUrl", "/BaseUrl":
		a.urls = append(a.urls, n)
	case "/isDefault":
		a.isDefault = a.isDefault || e.defaultAccount(n)
	case "":
		if a.isDefault && !e.chosen && !e.only {
			e.first, e.chosen = len(e.slots), true
		}
		for _, u := range a.urls {
			e.editURL(u)
		}
		e.slots = append(e.slots, span{n.start, n.end})
		*a = account{}
	}
}

// defaultAccount reports whether the account is the default one, and quotes a boolean: callers compare with the
// string "true".
func (e *editor) defaultAccount(n node) bool {
	raw := string(e.src[n.value.start:n.value.end])
	if e.json && (raw == "true" || raw == "false") {
		if !e.only {
			e.replace(n.value.start, n.value.end, []byte(`"`+raw+`"`))
		}
		return raw == "true"
	}
	return n.leaf && strings.EqualFold(strings.TrimSpace(n.text), "true")
}

func (e *editor) editURL(n node) {
	old := n.text
	if !e.json {
		old = strings.TrimSpace(old)
	}
	if !n.leaf || old == "" {
		return
	}
	text := e.rewrite(old, e.account.ids)
	switch {
	case text == old:
	case e.json:
		e.replace(n.value.start, n.value.end, appendJSON(nil, text))
	default:
		e.replace(n.value.start, n.value.end, appendXML(nil, text))
	}
}

func (e *editor) replace(start, end int, text []byte) {
	e.edits = append(e.edits, edit{span{start, end}, text})
}

// bytes writes the edited text, with the account e.first in the first slot and the gaps between the slots where they
// are.
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

// passwordJSON puts password in the place of every apiPassword, or in front if there is none; an empty one removes
// them.
func (e *editor) passwordJSON(root []node, password string) {
	if password == "" {
		e.removeJSON(root)
		return
	}
	found := false
	for _, m := range root {
		if m.path == "apiPassword" {
			e.replace(m.value.start, m.value.end, appendJSON(nil, password))
			found = true
		}
	}
	if found {
		return
	}
	first := root[0]
	text := append([]byte(`"apiPassword"`), e.src[first.nameEnd:first.value.start]...)
	text = append(appendJSON(text, password), ',')
	text = append(text, e.gapBefore(first.start)...)
	e.replace(first.start, first.start, text)
}

// removeJSON removes each member of that name with its comma and one of the gaps around it. Another member is known
// to stay.
func (e *editor) removeJSON(root []node) {
	last := len(root)
	for root[last-1].path == "apiPassword" {
		last--
	}
	if last < len(root) {
		e.replace(root[last-1].value.end, root[len(root)-1].value.end, nil)
	}
	for i := range last - 1 {
		if root[i].path == "apiPassword" {
			e.replace(root[i].start, root[i+1].start, nil)
		}
	}
}

// gapBefore returns the white space in front of at.
func (e *editor) gapBefore(at int) []byte {
	return e.src[len(bytes.TrimRight(e.src[:at], " \t\r\n")):at]
}

// passwordXML puts password in the place of every apiPassword, or in front of the accounts if there is none, where
// the XPath of PROTOCOL.md §2.3 does not mind it; an empty one removes them.
func (e *editor) passwordXML(list node, found []node, password string) {
	for _, n := range found {
		if password == "" {
			e.replace(n.start-len(e.gapBefore(n.start)), n.end, nil)
			continue
		}
		e.replace(n.start, n.end, appendElement(nil, e.rawName(n), password))
	}
	if password == "" || len(found) > 0 {
		return
	}
	prefix, _, ok := strings.Cut(e.rawName(list), ":")
	name := "apiPassword"
	if ok {
		name = prefix + ":" + name
	}
	text := appendElement(nil, name, password)
	e.replace(list.start, list.start, append(text, e.gapBefore(list.start)...))
}

// rawName returns the name of n as it is written, prefix included.
func (e *editor) rawName(n node) string {
	tag := e.src[n.start+1 : n.value.start]
	if i := bytes.IndexAny(tag, " \t\r\n/>"); i >= 0 {
		tag = tag[:i]
	}
	return string(tag)
}
