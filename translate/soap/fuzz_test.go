package soap_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soap"
)

// oracle is what encoding/xml makes of a message.
type oracle struct {
	root               xml.Name
	operation          xml.Name
	tokens             int
	username, password string
	// stream is the tokens, without a UsernameToken in its place and a Security header that held only that.
	stream []string
}

// decoderFor reads the single-byte encodings as package soap does.
func decoderFor(message []byte) *xml.Decoder {
	unmarked := bytes.TrimPrefix(message, []byte("\xef\xbb\xbf"))
	d := xml.NewDecoder(bytes.NewReader(unmarked))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if len(unmarked) < len(message) {
			return in, nil // the mark has the last word
		}
		switch strings.ToLower(label) {
		case "us-ascii", "ascii":
			return in, nil
		case "iso-8859-1", "latin1":
			raw, err := io.ReadAll(in)
			if err != nil {
				return nil, err
			}
			var out strings.Builder
			for _, b := range raw {
				out.WriteRune(rune(b))
			}
			return strings.NewReader(out.String()), nil
		}
		return nil, errors.New("unknown encoding")
	}
	return d
}

// consult reads the whole message, or reports that encoding/xml refuses it.
func consult(message []byte) (oracle, bool) {
	var o oracle
	var path []xml.Name
	d := decoderFor(message)
	for {
		t, err := d.Token()
		if err == io.EOF {
			return o, true
		}
		if err != nil {
			return o, false
		}
		switch t := t.(type) {
		case xml.StartElement:
			path = append(path, t.Name)
			o.enter(path)
			o.note(fmt.Sprint("<", t.Name, t.Attr))
		case xml.EndElement:
			o.note("</")
			path = path[:len(path)-1]
		case xml.CharData:
			o.text(path, string(t))
			o.note("text " + string(t))
		case xml.Comment:
			o.note("comment " + string(t))
		case xml.ProcInst:
			o.note("instruction " + string(t.Inst))
		}
	}
}

func (o *oracle) note(s string) { o.stream = append(o.stream, s) }

func (o *oracle) enter(path []xml.Name) {
	switch {
	case len(path) == 1:
		o.root = path[0]
	case len(path) == 3 && path[1] == (xml.Name{Space: o.root.Space, Local: "Body"}) && o.operation.Local == "":
		o.operation = path[2]
	case len(path) == 4 && o.inToken(path):
		o.tokens++
	}
}

func (o *oracle) inToken(path []xml.Name) bool {
	return len(path) >= 4 && path[1] == xml.Name{Space: o.root.Space, Local: "Header"} &&
		path[2] == xml.Name{Space: wsse, Local: "Security"} && path[3] == xml.Name{Space: wsse, Local: "UsernameToken"}
}

func (o *oracle) text(path []xml.Name, s string) {
	if len(path) != 5 || !o.inToken(path) {
		return
	}
	switch path[4] {
	case xml.Name{Space: wsse, Local: "Username"}:
		o.username += s
	case xml.Name{Space: wsse, Local: "Password"}:
		o.password += s
	}
}

// without returns the token stream with the UsernameToken cut out, and the Security header too if that was all it held.
// Runs of text that become neighbours are joined, as they are when the cut message is read.
func without(stream []string) string {
	var out []string
	for i := 0; i < len(stream); i++ {
		if end := tokenAlone(stream, i); end > 0 {
			i = end
			continue
		}
		if strings.HasPrefix(stream[i], "<{"+wsse+" UsernameToken}") {
			i = closing(stream, i)
			continue
		}
		out = append(out, stream[i])
	}
	return joined(out)
}

func joined(stream []string) string {
	var b strings.Builder
	inText := false
	for _, s := range stream {
		text, isText := strings.CutPrefix(s, "text ")
		if isText && inText {
			b.WriteString(text)
			continue
		}
		if isText && text == "" {
			continue
		}
		inText = isText
		b.WriteString("\n" + s)
	}
	return b.String()
}

func closing(stream []string, i int) int {
	depth := 0
	for ; i < len(stream); i++ {
		switch {
		case stream[i] == "</":
			depth--
		case stream[i][0] == '<':
			depth++
		}
		if depth == 0 {
			return i
		}
	}
	return len(stream)
}

// tokenAlone returns the end of a Security header that begins at i and whose only child is a UsernameToken.
func tokenAlone(stream []string, i int) int {
	if !strings.HasPrefix(stream[i], "<{"+wsse+" Security}") {
		return 0
	}
	end := closing(stream, i)
	children, token := 0, false
	for j := i + 1; j < end; j++ {
		if stream[j][0] != '<' {
			continue
		}
		children++
		token = token || strings.HasPrefix(stream[j], "<{"+wsse+" UsernameToken}")
		j = closing(stream, j)
	}
	if children == 1 && token {
		return end
	}
	return 0
}

func FuzzEnvelope(f *testing.F) {
	for _, s := range samples(f) {
		if s.contentEncoding == "" && !strings.HasPrefix(s.contentType, "multipart") {
			f.Add(s.body)
		}
	}
	for _, s := range []string{
		security(token), security(token +
			token), envelope("", ""), password("a&b"), password("<![CDATA[x]]>&#xD;\r\n"), security("<o:Timestamp/>" + token),
		`<?xml version="1.0" encoding="latin1"?>` + password("\xe9"), envelope(
			"<o:Security>"+token+signature(`<d:Reference URI="#T"/>`)+"</o:Security>", "<x/>",
		),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := read(bytes.NewReader(message), soap.Options{MaxHeader: 32 << 10})
		slow, slowErr := read(iotest.OneByteReader(bytes.NewReader(message)), soap.Options{MaxHeader: 32 << 10})
		if fmt.Sprint(err) != fmt.Sprint(slowErr) {
			t.Fatalf("byte by byte: %v, at once: %v", slowErr, err)
		}
		if err != nil {
			refused(t, e, err, string(message))
			return
		}
		agree(t, e, slow, message)
	})
}

// agree compares an accepted message with what encoding/xml reads, before and after the token is removed.
func agree(t *testing.T, e, slow *soap.Message, message []byte) {
	if out, err := io.ReadAll(e.Original()); err != nil || !bytes.Equal(out, message) {
		t.Fatalf("Original is %q, %v", out, err)
	}
	if (e.Token == nil) != (slow.Token == nil) || e.Operation != slow.Operation {
		t.Fatal("the result depends on how the message arrives")
	}
	if e.Converted || len(message) >= 16<<10 {
		return
	}
	o, ok := consult(message)
	if ok {
		compare(t, e, o)
	}
	if e.Token == nil {
		return
	}
	again, err := read(bytes.NewReader(message), soap.Options{MaxHeader: 32 << 10})
	must(t, err)
	must(t, e.RemoveToken())
	if again.Token.HasPassword {
		must(t, again.Token.SetPassword(secret.New("n<&>ew")))
	}
	out, err := io.ReadAll(e.Reader())
	must(t, err)
	if int64(len(out)-len(message)) != e.Delta() {
		t.Fatalf("Delta is %d, but %d bytes became %d", e.Delta(), len(message), len(out))
	}
	swapped, err := io.ReadAll(again.Reader())
	must(t, err)
	if !ok {
		return
	}
	after, good := consult(out)
	if !good || after.tokens != 0 || joined(after.stream) != without(o.stream) {
		t.Fatalf(
			"after RemoveToken encoding/xml reads %v %d\n%s\ninstead of\n%s", good, after.tokens, joined(after.stream),
			without(o.stream),
		)
	}
	if after, good = consult(swapped); !good || e.Token.HasPassword && after.password != "n<&>ew" ||
		after.username != o.username || after.tokens != 1 {
		t.Fatalf("after SetPassword encoding/xml reads %v %q", good, after.password)
	}
}

func compare(t *testing.T, e *soap.Message, o oracle) {
	// encoding/xml leaves out the normalisation of white space in attribute values (XML 1.0 §3.3.3).
	blank := strings.NewReplacer("\n", " ", "\t", " ", "\r", " ")
	namespace := blank.Replace(o.operation.Space)
	if o.root != (xml.Name{
		Space: e.Version, Local: "Envelope",
	}) || o.operation.Local != e.Operation.Local || namespace != blank.Replace(e.Operation.Namespace) {
		t.Fatalf("encoding/xml reads %v and %v, this package %s and %v", o.root, o.operation, e.Version, e.Operation)
	}
	if (e.Token != nil) != (o.tokens == 1) || o.tokens > 1 {
		t.Fatalf("encoding/xml reads %d tokens", o.tokens)
	}
	if e.Token != nil && (e.Token.Username != o.username || e.Token.Password.Reveal() != o.password) {
		t.Fatalf(
			"encoding/xml reads %q %q, this package %q %q", o.username, o.password, e.Token.Username, e.Token.Password.Reveal(),
		)
	}
}

func FuzzMultipart(f *testing.F) {
	for _, s := range samples(f) {
		if strings.HasPrefix(s.contentType, "multipart") {
			f.Add(s.contentType, s.body)
		}
	}
	f.Add(`multipart/related; boundary=b`, []byte("--b\r\nContent-Type: text/xml\r\n\r\n"+security(token)+"\r\n--b--\r\n"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		o := soap.Options{MaxHeader: 32 << 10}
		m, err := soap.ReadMessage(contentType, "", bytes.NewReader(body), o)
		slow, slowErr := soap.ReadMessage(contentType, "", iotest.OneByteReader(bytes.NewReader(body)), o)
		if fmt.Sprint(err) != fmt.Sprint(slowErr) {
			t.Fatalf("byte by byte: %v, at once: %v", slowErr, err)
		}
		for _, m := range []*soap.Message{m, slow} {
			if out, failure := io.ReadAll(m.Original()); failure != nil || !bytes.Equal(out, body) {
				t.Fatalf("Original is %q, %v", out, failure)
			}
		}
		if err != nil {
			return
		}
		m, err = soap.ReadMessage(contentType, "", bytes.NewReader(body), o)
		must(t, err)
		if m.Token != nil {
			must(t, m.RemoveToken())
		}
		delta := m.Delta()
		out, err := io.ReadAll(m.Reader())
		if err == nil && int64(len(out)-len(body)) != delta {
			t.Fatalf("Delta is %d, but %d bytes became %d", delta, len(body), len(out))
		}
	})
}

func FuzzCredentialBody(f *testing.F) {
	for _, s := range samples(f) {
		if s.credential() {
			f.Add(s.body)
		}
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := read(bytes.NewReader(message), soap.Options{Credential: true})
		if err != nil {
			refused(t, e, err, string(message))
			return
		}
		if out, err := io.ReadAll(e.Reader()); err != nil || !e.Converted && !bytes.Equal(out, message) {
			t.Fatalf("without an edit the message becomes %q, %v", out, err)
		}
		if e.Credential == nil || !e.Credential.HasPassword {
			return
		}
		if err := e.Credential.SetPassword(secret.New("n<&>ew")); err != nil {
			if !errors.Is(err, soap.KindSigned) {
				t.Fatal(err)
			}
			return
		}
		out, err := io.ReadAll(e.Reader())
		must(t, err)
		again, err := read(bytes.NewReader(out), soap.Options{Credential: true})
		if errors.Is(err, soap.KindTooLarge) {
			return // the new password made it longer than the bound
		}
		if err != nil || again.Credential.Password.Reveal() != "n<&>ew" ||
			again.Credential.Username != e.Credential.Username {
			t.Fatalf("after SetPassword the message is read as %v, %+v", err, again.Credential)
		}
	})
}

func FuzzWSDL(f *testing.F) {
	f.Add(wsdl(f, services.ByPath("/api/3.0/credential.asmx")))
	f.Add([]byte(`<a xmlns="http://schemas.xmlsoap.org/wsdl/soap/"><address location='&#x41;'/></a>`))
	f.Fuzz(func(t *testing.T, src []byte) {
		same, err := soap.RewriteWSDL(src, func(url string) string { return url })
		if err != nil {
			return
		}
		if !bytes.Equal(same, src) {
			t.Fatal("without a change the document changed")
		}
		changed, err := soap.RewriteWSDL(bytes.Clone(src), func(string) string { return `https://x/?a&b"'<` })
		must(t, err)
		if _, err := soap.RewriteWSDL(changed, func(url string) string {
			if url != `https://x/?a&b"'<` {
				t.Fatalf("an address reads %q", url)
			}
			return url
		}); err != nil {
			t.Fatal(err)
		}
	})
}
