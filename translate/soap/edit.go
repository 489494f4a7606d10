package soap

import (
	"cmp"
	"slices"
	"time"
	"unicode/utf8"

	"docusign-auth-proxy/internal/secret"
)

// edit replaces a range of the header region.
type edit struct {
	span
	text []byte
}

// RemoveToken takes the UsernameToken out, and the Security header with it if it held nothing else (PROTOCOL.md §4.10).
// Header stays, even empty.
func (e *Envelope) RemoveToken() error {
	if err := e.editable(e.Token != nil); err != nil {
		return err
	}
	r := e.tokenRange
	if e.securityOnly {
		r = e.security
	}
	return e.replace(r, nil)
}

// SetPassword replaces the text of wsse:Password and nothing else.
func (e *Envelope) SetPassword(password secret.Text) error {
	return e.setText(&e.password, password.Reveal())
}

// SetUsername replaces the text of wsse:Username and nothing else.
func (e *Envelope) SetUsername(username string) error { return e.setText(&e.username, username) }

// SetTo replaces the text of wsa:To, which names the URL the client dialled (PROTOCOL.md §4.4).
func (e *Envelope) SetTo(url string) error {
	if len(e.to) == 0 {
		return e.editable(false)
	}
	for i := range e.to {
		if err := e.setText(&e.to[i], url); err != nil {
			return err
		}
	}
	return nil
}

// InsertTimestamp puts a Security header with a Timestamp into an envelope that has no Security header, for a client that
// sent one and waits for one. It carries no mustUnderstand, which Axis 1.4 would refuse.
func (e *Envelope) InsertTimestamp(created, expires time.Time) error {
	if err := e.editable(true); err != nil || e.HasSecurity {
		return err
	}
	const layout = "2006-01-02T15:04:05.000Z"
	return e.insertBlock([]byte(`<wsse:Security xmlns:wsse="` + namespaceWSSE + `" xmlns:wsu="` + namespaceWSU +
		`"><wsu:Timestamp wsu:Id="Timestamp-0"><wsu:Created>` + created.UTC().Format(layout) + `</wsu:Created><wsu:Expires>` +
		expires.UTC().Format(layout) + `</wsu:Expires></wsu:Timestamp></wsse:Security>`))
}

// InsertToken puts a UsernameToken into an envelope that has none, in its Security header if there is one (PROTOCOL.md §4.4).
func (e *Envelope) InsertToken(username string, password secret.Text) error {
	if err := e.editable(e.Token == nil); err != nil {
		return err
	}
	name, err := e.escape(username)
	if err != nil {
		return err
	}
	secret, err := e.escape(password.Reveal())
	if err != nil {
		return err
	}
	token := `<wsse:UsernameToken xmlns:wsse="` + namespaceWSSE + `"><wsse:Username>` + string(name) +
		`</wsse:Username><wsse:Password Type="` + passwordText + `">` + string(secret) + `</wsse:Password></wsse:UsernameToken>`
	if e.HasSecurity {
		return e.insertIn(&e.securityOpen, []byte(token))
	}
	return e.insertBlock([]byte(`<wsse:Security xmlns:wsse="` + namespaceWSSE + `">` + token + `</wsse:Security>`))
}

// insertBlock puts a block first into the Header, which is made if there is none.
func (e *Envelope) insertBlock(block []byte) error {
	if e.header.present {
		return e.insertIn(&e.header, block)
	}
	name := "Header"
	if e.prefixed > 0 {
		name = string(e.s.buf[e.envelopeName.start:e.envelopeName.start+e.prefixed]) + ":Header"
	}
	return e.replace(span{e.body, e.body}, []byte("<"+name+">"+string(block)+"</"+name+">"))
}

func (e *Envelope) insertIn(f *field, content []byte) error {
	if f.empty {
		return e.fill(f, content)
	}
	return e.replace(span{f.open, f.open}, content)
}

// editable returns the error of an edit that has nothing to work on.
func (e *Envelope) editable(present bool) error {
	switch {
	case e.err != nil:
		return e.err
	case e.s == nil:
		return refuse(KindState, 0, "the message has been released")
	case !present:
		return refuse(KindState, 0, "the message does not have what the edit would change")
	}
	return nil
}

func (e *Envelope) setText(f *field, value string) error {
	if err := e.editable(f.present); err != nil {
		return err
	}
	escaped, err := e.escape(value)
	if err != nil {
		return err
	}
	if f.empty {
		return e.fill(f, escaped)
	}
	return e.replace(span{f.open, f.close}, escaped)
}

// fill turns an empty-element tag into an element with content.
func (e *Envelope) fill(f *field, content []byte) error {
	replacement := append([]byte{'>'}, content...)
	replacement = append(replacement, "</"...)
	replacement = append(replacement, e.s.slice(f.name)...)
	return e.replace(span{f.open - 2, f.open}, append(replacement, '>'))
}

// escape writes value as character data in the encoding of the message.
func (e *Envelope) escape(value string) ([]byte, error) {
	out := make([]byte, 0, len(value)+16)
	for i, r := range value {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(value[i:]); n <= 1 {
				return nil, refuse(KindValue, 0, "the new text is not UTF-8")
			}
		}
		if !isChar(r) {
			return nil, refuse(KindValue, 0, "the new text has a character that XML forbids")
		}
		out = e.appendEscaped(out, r)
	}
	return out, nil
}

func (e *Envelope) appendEscaped(out []byte, r rune) []byte {
	switch r {
	case '<':
		return append(out, "&lt;"...)
	case '>':
		return append(out, "&gt;"...)
	case '&':
		return append(out, "&amp;"...)
	case '\r':
		return append(out, "&#13;"...)
	}
	return e.s.enc.appendReferring(out, r)
}

// replace notes an edit. It takes the place of edits of the same or a smaller range; a larger one already made is an error.
func (e *Envelope) replace(r span, text []byte) error {
	if e.signed(span{r.start, max(r.end, r.start+1)}) {
		return refuse(KindSigned, r.start, "a signature covers what would have to change")
	}
	for _, old := range e.edits {
		if old.span != r && old.start <= r.start && r.end <= old.end {
			return refuse(KindState, r.start, "what the edit would change has already been removed")
		}
	}
	e.edits = slices.DeleteFunc(e.edits, func(old edit) bool { return r.start <= old.start && old.end <= r.end })
	at, _ := slices.BinarySearchFunc(e.edits, r.start, func(old edit, start int) int { return cmp.Compare(old.start, start) })
	e.edits = slices.Insert(e.edits, at, edit{r, text})
	return nil
}

// Delta returns by how many bytes the forwarded message is longer than the one that came; add it to Content-Length.
func (e *Envelope) Delta() int64 {
	d := e.converted
	for _, ed := range e.edits {
		d += int64(len(ed.text) - (ed.end - ed.start))
	}
	return d
}
