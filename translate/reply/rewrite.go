package reply

import (
	"bytes"
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
	e := &editor{src: body, rewrite: rewrite, only: o.URLsOnly}
	err := e.begin(contentType)
	if err == nil {
		err = e.login(o.APIPassword.Reveal())
	}
	if err != nil {
		return nil, fmt.Errorf("rewrite login_information: %w: %w", ErrNotLoginInformation, err)
	}
	return e.bytes(), nil
}

// RewriteLoginResponse edits an upstream Credential.Login answer the same way: only the text of each BaseUrl changes.
// An answer with Success=false has none and comes back as it is.
func RewriteLoginResponse(body []byte, contentType string, rewrite Rewrite) ([]byte, error) {
	const result = "Envelope/Body/LoginResponse/LoginResult"
	e := &editor{src: body, rewrite: rewrite}
	err := e.begin(contentType)
	found := false
	if err == nil {
		err = e.walk(result+"/Accounts/Account", func(n node) { found = found || n.path == result })
	}
	if err == nil && !found {
		err = errors.New("no LoginResult")
	}
	if err != nil {
		return nil, fmt.Errorf("rewrite login response: %w: %w", ErrNotLoginInformation, err)
	}
	return e.bytes(), nil
}

// editor collects replacements in src by byte offsets and then writes everything once.
type editor struct {
	src      []byte
	json     bool
	rewrite  Rewrite
	only     bool // URLsOnly
	edits    []edit
	accounts []span // in the order they stand
	first    int    // index in accounts of the one to move to the front
	chosen   bool
	current  account
}

// account is what has been read of the present account.
type account struct {
	ids       []string
	urls      []node
	isDefault bool
}

type edit struct {
	span
	text string
}

// begin refuses what cannot be JSON or XML in UTF-8.
func (e *editor) begin(contentType string) error {
	if len(e.src) > MaxLoginInformation {
		return fmt.Errorf("larger than %d bytes", MaxLoginInformation)
	}
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "us-ascii") {
			return errors.New("charset is not utf-8")
		}
	}
	text := bytes.TrimLeft(e.src[bom(e.src):], blanks)
	if len(text) == 0 || text[0] != '{' && text[0] != '<' {
		return errors.New("neither JSON nor XML")
	}
	e.json = text[0] == '{'
	if e.json && !json.Valid(e.src[bom(e.src):]) {
		return errors.New("malformed JSON")
	}
	return nil
}

// walk edits the accounts at a path, with what stands in them, and calls visit for all else.
func (e *editor) walk(accounts string, visit func(node)) error {
	each := func(n node) {
		if below, inside := strings.CutPrefix(n.path, accounts); inside {
			e.visit(below, n)
			return
		}
		visit(n)
	}
	if e.json {
		return walkJSON(e.src, each)
	}
	return walkXML(xml.NewDecoder(bytes.NewReader(e.src)), each)
}

// login edits login_information. Its members stand in the root value of JSON, and in the root element of XML.
func (e *editor) login(password string) error {
	root, list, depth := "loginInformation/", "loginAccounts", 2
	accounts := "/loginAccount"
	if e.json {
		root, accounts, depth = "", "/[]", 1
	}
	var members, lists []node
	err := e.walk(root+list+accounts, func(n node) {
		if n.depth == depth {
			members = append(members, n)
		}
		if n.path == root+list {
			lists = append(lists, n)
		}
	})
	switch {
	case err != nil:
		return err
	case len(lists) == 0:
		return errors.New("no loginAccounts")
	case len(lists) > 1 || e.json && e.src[lists[0].value.start] != '[':
		return errors.New("loginAccounts is not one list")
	case e.json && slices.ContainsFunc(e.accounts, func(s span) bool { return e.src[s.start] != '{' }):
		return errors.New("an account is not an object")
	case e.only:
		return nil
	}
	e.password(members, lists[0], root+"apiPassword", password)
	return nil
}

// visit edits an account, and what stands below it by that path.
func (e *editor) visit(below string, n node) {
	a := &e.current
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
			e.first, e.chosen = len(e.accounts), true
		}
		for _, u := range a.urls {
			e.editURL(u)
		}
		e.accounts = append(e.accounts, n.span)
		*a = account{}
	}
}

// defaultAccount reports whether the account is the default one, and quotes a boolean: callers compare with the
// string "true".
func (e *editor) defaultAccount(n node) bool {
	raw := string(e.src[n.value.start:n.value.end])
	if !e.json || raw != "true" && raw != "false" {
		return n.leaf && strings.EqualFold(strings.TrimSpace(n.text), "true")
	}
	if !e.only {
		e.replace(n.value, `"`+raw+`"`)
	}
	return raw == "true"
}

func (e *editor) editURL(n node) {
	old, written := n.text, jsonText
	if !e.json {
		old, written = strings.TrimSpace(old), xmlText
	}
	if !n.leaf || old == "" {
		return
	}
	if text := e.rewrite(old, e.current.ids); text != old {
		e.replace(n.value, written(text))
	}
}

func (e *editor) replace(at span, text string) { e.edits = append(e.edits, edit{at, text}) }

// bytes writes the edited text, with the account e.first in the first place and the gaps between the accounts where
// they are.
func (e *editor) bytes() []byte {
	slices.SortStableFunc(e.edits, func(a, b edit) int { return a.start - b.start })
	dst := make([]byte, 0, len(e.src)+256)
	at := 0
	for i, place := range e.accounts[:min(e.first+1, len(e.accounts))] {
		from := e.first
		if i > 0 {
			from = i - 1
		}
		dst = e.appendRange(dst, span{at, place.start})
		dst = e.appendRange(dst, e.accounts[from])
		at = place.end
	}
	return e.appendRange(dst, span{at, len(e.src)})
}

// appendRange copies what is in r with the edits that begin in it. No edit crosses the border of an account.
func (e *editor) appendRange(dst []byte, r span) []byte {
	i, _ := slices.BinarySearchFunc(e.edits, r.start, func(d edit, at int) int { return d.start - at })
	for _, d := range e.edits[i:] {
		if d.start >= r.end {
			break
		}
		dst = append(append(dst, e.src[r.start:d.start]...), d.text...)
		r.start = d.end
	}
	return append(dst, e.src[r.start:r.end]...)
}

// password puts password in the place of every apiPassword, or in front if there is none: of all members in JSON, of
// the accounts in XML, where the XPath of PROTOCOL.md §2.3 does not mind it. An empty one removes them.
func (e *editor) password(members []node, list node, path, password string) {
	found := slices.DeleteFunc(slices.Clone(members), func(n node) bool { return n.path != path })
	switch {
	case password == "" && e.json:
		e.removeJSON(members, path)
	case password == "":
		for _, n := range found {
			e.replace(span{n.start - len(e.gapBefore(n.start)), n.end}, "")
		}
	case e.json:
		for _, n := range found {
			e.replace(n.value, jsonText(password))
		}
	default:
		for _, n := range found {
			e.replace(n.span, element(e.rawName(n), password))
		}
	}
	if password == "" || len(found) > 0 {
		return
	}
	first := members[0]
	added := `"apiPassword"` + string(e.src[first.named:first.value.start]) + jsonText(password) + ","
	if !e.json {
		first = list
		added = element(strings.TrimSuffix(e.rawName(list), "loginAccounts")+"apiPassword", password)
	}
	e.replace(span{first.start, first.start}, added+e.gapBefore(first.start))
}

// removeJSON removes each member of that path with its comma and one of the gaps around it. Another member is known
// to stay.
func (e *editor) removeJSON(members []node, path string) {
	last := len(members)
	for members[last-1].path == path {
		last--
	}
	if last < len(members) {
		e.replace(span{members[last-1].end, members[len(members)-1].end}, "")
	}
	for i := range last - 1 {
		if members[i].path == path {
			e.replace(span{members[i].start, members[i+1].start}, "")
		}
	}
}

// gapBefore returns the white space in front of at.
func (e *editor) gapBefore(at int) string {
	return string(e.src[len(bytes.TrimRight(e.src[:at], blanks)):at])
}

// rawName returns the name of n as it is written, prefix included.
func (e *editor) rawName(n node) string {
	tag := strings.FieldsFunc(string(e.src[n.start:n.value.start]), func(c rune) bool {
		return strings.ContainsRune(blanks+"</>", c)
	})
	return tag[0]
}
