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
	return m.replace(r, "")
}

// SetTo replaces the text of wsa:To, which names the URL the client dialled (PROTOCOL.md §4.4).
func (m *Message) SetTo(url string) error {
	err := m.editable(len(m.to) > 0)
	for _, to := range m.to {
		err = cmp.Or(err, m.setText(to, url))
	}
	return err
}

// SecurityHeader is one with a Timestamp, for a client that sent one and waits for one. It carries no mustUnderstand,
// which Axis 1.4 would refuse.
func SecurityHeader(id string, created time.Time) string {
	const layout, life = "2006-01-02T15:04:05.000Z", 5 * time.Minute
	return `<wsse:Security xmlns:wsse="` + namespaceWSSE + `" xmlns:wsu="` + namespaceWSU + `">` +
		`<wsu:Timestamp wsu:Id="` + id + `"><wsu:Created>` + created.UTC().Format(layout) + `</wsu:Created>` +
		`<wsu:Expires>` + created.Add(life).UTC().Format(layout) + `</wsu:Expires></wsu:Timestamp></wsse:Security>`
}

// InsertToken puts a UsernameToken into an envelope that has none, in its Security header if there is one (PROTOCOL.md
// §4.4).
func (m *Message) InsertToken(username string, password secret.Text) error {
	if err := m.editable(m.Token == nil); err != nil {
		return err
	}
	name, err := m.s.enc.text(username)
	if err != nil {
		return err
	}
	secret, err := m.s.enc.text(password.Reveal())
	if err != nil {
		return err
	}
	token := `<wsse:UsernameToken xmlns:wsse="` + namespaceWSSE + `">` +
		`<wsse:Username>` + string(name) + `</wsse:Username>` +
		`<wsse:Password Type="` + passwordText + `">` + string(secret) + `</wsse:Password></wsse:UsernameToken>`
	if m.HasSecurity {
		return m.fill(m.securityOpen, m.securityOpen.open, token)
	}
	return m.insertBlock(`<wsse:Security xmlns:wsse="` + namespaceWSSE + `">` + token + `</wsse:Security>`)
}

// insertBlock puts a block first into the Header, which is made if there is none.
func (m *Message) insertBlock(block string) error {
	if m.header != nil {
		return m.fill(m.header, m.header.open, block)
	}
	name := "Header"
	if prefix := m.envelope.prefix; prefix > 0 {
		name = string(m.s.buf[m.envelope.start:m.envelope.start+prefix]) + ":Header"
	}
	return m.replace(span{m.body, m.body}, "<"+name+">"+block+"</"+name+">")
}

// editable returns the error of an edit that has nothing to work on.
func (m *Message) editable(present bool) error {
	if m.err == nil && !present {
		return refuse(KindState, 0, "the message does not have what the edit would change")
	}
	return m.err
}

func (m *Message) setText(f *field, value string) error {
	if err := m.editable(f != nil); err != nil {
		return err
	}
	escaped, err := m.s.enc.text(value)
	if err != nil {
		return err
	}
	return m.fill(f, f.close, string(escaped))
}

// fill puts content in the place of what f has up to end. An empty-element tag becomes an element with content.
func (m *Message) fill(f *field, end int, content string) error {
	if f.empty {
		return m.replace(span{f.open - 2, f.open}, ">"+content+"</"+string(m.s.slice(f.name))+">")
	}
	return m.replace(span{f.open, end}, content)
}

// replace notes an edit. It takes the place of edits of the same or a smaller range; a larger one already made is an
// error.
func (m *Message) replace(r span, text string) error {
	if m.covers(span{r.start, max(r.end, r.start+1)}) {
		return refuse(KindSigned, r.start, "a signature covers what would have to change")
	}
	for _, old := range m.edits {
		if old.span != r && old.start <= r.start && r.end <= old.end {
			return refuse(KindState, r.start, "what the edit would change has already been removed")
		}
	}
	m.edits = slices.DeleteFunc(m.edits, func(old edit) bool { return r.start <= old.start && old.end <= r.end })
	m.edits = slices.Insert(m.edits, 0, edit{r, []byte(text)})
	slices.SortStableFunc(m.edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	return nil
}
