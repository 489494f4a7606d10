package soap

import (
	"cmp"
	"slices"
	"time"

	"docusign-auth-proxy/internal/secret"
)

// edit replaces a range of the header region.
type edit struct {
	span
	text []byte
}

// RemoveToken takes the UsernameToken out, and the Security header with it if it held nothing else (PROTOCOL.md §4.10).
// Header stays, even empty.
func (m *Message) RemoveToken() error {
	if err := m.editable(m.Token != nil); err != nil {
		return err
	}
	r := m.tokenRange
	if m.securityOnly {
		r = m.security
	}
	return m.replace(r, nil)
}

// SetPassword replaces the text of wsse:Password and nothing else.
func (m *Message) SetPassword(password secret.Text) error {
	return m.setText(&m.password, password.Reveal())
}

// SetUsername replaces the text of wsse:Username and nothing else.
func (m *Message) SetUsername(username string) error { return m.setText(&m.username, username) }

// SetTo replaces the text of wsa:To, which names the URL the client dialled (PROTOCOL.md §4.4).
func (m *Message) SetTo(url string) error {
	if len(m.to) == 0 {
		return m.editable(false)
	}
	for i := range m.to {
		if err := m.setText(&m.to[i], url); err != nil {
			return err
		}
	}
	return nil
}

// InsertTimestamp puts a Security header with a Timestamp into an envelope that has no Security header, for a client
// that sent one and waits for one. It carries no mustUnderstand, which Axis 1.4 would refuse.
func (m *Message) InsertTimestamp(created, expires time.Time) error {
	if err := m.editable(true); err != nil || m.HasSecurity {
		return err
	}
	const layout = "2006-01-02T15:04:05.000Z"
	return m.insertBlock([]byte(`<wsse:Security xmlns:wsse="` + namespaceWSSE + `" xmlns:wsu="` + namespaceWSU +
		`"><wsu:Timestamp wsu:Id="Timestamp-0"><wsu:Created>` + created.UTC().Format(layout) + `</wsu:Created><wsu:Expires>` +
		expires.UTC().Format(layout) + `</wsu:Expires></wsu:Timestamp></wsse:Security>`))
}

// InsertToken puts a UsernameToken into an envelope that has none, in its Security header if there is one (PROTOCOL.md
// §4.4).
func (m *Message) InsertToken(username string, password secret.Text) error {
	if err := m.editable(m.Token == nil); err != nil {
		return err
	}
	name, err := m.s.enc.escape(username)
	if err != nil {
		return err
	}
	secret, err := m.s.enc.escape(password.Reveal())
	if err != nil {
		return err
	}
	token := `<wsse:UsernameToken xmlns:wsse="` + namespaceWSSE + `">` +
		`<wsse:Username>` + string(name) + `</wsse:Username>` +
		`<wsse:Password Type="` + passwordText + `">` + string(secret) + `</wsse:Password></wsse:UsernameToken>`
	if m.HasSecurity {
		return m.insertIn(&m.securityOpen, []byte(token))
	}
	return m.insertBlock([]byte(`<wsse:Security xmlns:wsse="` + namespaceWSSE + `">` + token + `</wsse:Security>`))
}

// insertBlock puts a block first into the Header, which is made if there is none.
func (m *Message) insertBlock(block []byte) error {
	if m.header.present {
		return m.insertIn(&m.header, block)
	}
	name := "Header"
	if m.prefixed > 0 {
		name = string(m.s.buf[m.envelopeName.start:m.envelopeName.start+m.prefixed]) + ":Header"
	}
	return m.replace(span{m.body, m.body}, []byte("<"+name+">"+string(block)+"</"+name+">"))
}

func (m *Message) insertIn(f *field, content []byte) error {
	if f.empty {
		return m.fill(f, content)
	}
	return m.replace(span{f.open, f.open}, content)
}

// editable returns the error of an edit that has nothing to work on.
func (m *Message) editable(present bool) error {
	switch {
	case m.err != nil:
		return m.err
	case m.released:
		return errReleased()
	case !present:
		return refuse(KindState, 0, "the message does not have what the edit would change")
	}
	return nil
}

func (m *Message) setText(f *field, value string) error {
	if err := m.editable(f.present); err != nil {
		return err
	}
	escaped, err := m.s.enc.escape(value)
	if err != nil {
		return err
	}
	if f.empty {
		return m.fill(f, escaped)
	}
	return m.replace(span{f.open, f.close}, escaped)
}

// fill turns an empty-element tag into an element with content.
func (m *Message) fill(f *field, content []byte) error {
	replacement := append([]byte{'>'}, content...)
	replacement = append(replacement, "</"...)
	replacement = append(replacement, m.s.slice(f.name)...)
	return m.replace(span{f.open - 2, f.open}, append(replacement, '>'))
}

// replace notes an edit. It takes the place of edits of the same or a smaller range; a larger one already made is an
// error.
func (m *Message) replace(r span, text []byte) error {
	if m.s.signed(span{r.start, max(r.end, r.start+1)}) {
		return refuse(KindSigned, r.start, "a signature covers what would have to change")
	}
	for _, old := range m.edits {
		if old.span != r && old.start <= r.start && r.end <= old.end {
			return refuse(KindState, r.start, "what the edit would change has already been removed")
		}
	}
	m.edits = slices.DeleteFunc(m.edits, func(old edit) bool { return r.start <= old.start && old.end <= r.end })
	m.edits = slices.Insert(m.edits, 0, edit{r, text})
	slices.SortStableFunc(m.edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	return nil
}
