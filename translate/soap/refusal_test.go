package soap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/soap"
)

const (
	namespaceAPI        = "http://www.docusign.net/API/3.0"
	namespaceCredential = "http://www.docusign.net/API/Credential"

	wsse  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	wsu   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	dsig  = "http://www.w3.org/2000/09/xmldsig#"
	xenc  = "http://www.w3.org/2001/04/xmlenc#"
	wsa   = "http://www.w3.org/2005/08/addressing"
	types = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"

	canary = "c4n4ry"
	token  = `<o:UsernameToken u:Id="T"><o:Username>anna</o:Username><o:Password>` + canary +
		`</o:Password></o:UsernameToken>`
)

// envelope writes one with these header blocks and this body content.
func envelope(blocks, body string) string {
	return `<s:Envelope xmlns:s="` + soap.NamespaceSOAP11 + `" xmlns:o="` + wsse + `" xmlns:u="` + wsu + `" xmlns:d="` +
		dsig + `" xmlns:e="` + xenc +
		`" xmlns:a="` + wsa + `"><s:Header>` + blocks + `</s:Header><s:Body u:Id="B">` + body + `</s:Body></s:Envelope>`
}

func security(content string) string {
	return envelope(`<o:Security u:Id="S">`+content+`</o:Security>`, `<Ping xmlns="`+namespaceAPI+`"/>`)
}

func signature(references string) string {
	return `<d:Signature><d:SignedInfo>` + references + `</d:SignedInfo></d:Signature>`
}

func password(text string) string {
	return security(strings.Replace(token, canary, text, 1))
}

func TestAMessageThatIsNotUnderstoodIsRefusedAndNeverForwarded(t *testing.T) {
	deep := strings.Repeat("<x>", 120)
	many := &strings.Builder{}
	for i := range 80 {
		fmt.Fprintf(many, ` a%d=""`, i)
	}
	for name, c := range map[string]struct {
		message string
		kind    soap.Kind
	}{
		"nothing at all":              {"", soap.KindIllFormed},
		"white space only":            {" \n", soap.KindIllFormed},
		"no XML":                      {"username=x", soap.KindIllFormed},
		"another document":            {"<html/>", soap.KindNotSOAP},
		"an Envelope in no namespace": {"<Envelope><Body/></Envelope>", soap.KindNotSOAP},
		"an Envelope without Body": {
			`<s:Envelope xmlns:s="` + soap.NamespaceSOAP12 + `"><s:Header/></s:Envelope>`, soap.KindNotSOAP,
		},
		"a Header of the other version": {
			strings.Replace(security(token), "<s:Header>", `<s:Header xmlns:s="`+soap.NamespaceSOAP12+`">`, 1), soap.KindNotSOAP,
		},
		"a message that breaks off in the header": {security(token)[:500], soap.KindIllFormed},
		"a message that breaks off in the body":   {strings.TrimSuffix(security(token), "</s:Envelope>"), soap.KindIllFormed},
		"a message that breaks off in the last tag": {
			strings.TrimSuffix(security(token), ">"), soap.KindIllFormed,
		},
		"text after the envelope":                                {security(token) + "x", soap.KindIllFormed},
		"a second root element":                                  {security(token) + "<x/>", soap.KindIllFormed},
		"an unescaped ampersand in the password (npm soap)":      {password(canary + "&b"), soap.KindIllFormed},
		"an unescaped less-than sign in the password (npm soap)": {password(canary + "<b"), soap.KindIllFormed},
		"a password that looks like an element":                  {password(canary + "<b/>"), soap.KindToken},
		"an unknown entity in the password":                      {password(canary + "&eacute;"), soap.KindEntity},
		"a reference to no character":                            {password(canary + "&#0;"), soap.KindIllFormed},
		"a reference beyond Unicode":                             {password(canary + "&#x110000;"), soap.KindIllFormed},
		"a NUL":                                                  {password(canary + "\x00"), soap.KindIllFormed},
		"a control character":                                    {password(canary + "\x1b"), soap.KindIllFormed},
		"invalid UTF-8":                                          {password(canary + "\xe9"), soap.KindEncoding},
		"an overlong encoding":                                   {password(canary + "\xc0\xbc"), soap.KindEncoding},
		"half a surrogate pair":                                  {password(canary + "\xed\xa0\x80"), soap.KindEncoding},
		"a non-character":                                        {password(canary + "\uffff"), soap.KindIllFormed},
		"the end of a CDATA section in text":                     {password(canary + "]]>"), soap.KindIllFormed},
		"two hyphens in a comment":                               {security("<!-- a -- b -->" + token), soap.KindIllFormed},
		"a document type": {
			`<!DOCTYPE x [<!ENTITY a "b">]>` + security(token), soap.KindDoctype,
		},
		"a document type in the body": {envelope("", "<x><!DOCTYPE y></x>"), soap.KindDoctype},
		"tags that cross":             {security("<x><y></x></y>" + token), soap.KindIllFormed},
		"tags that cross in the body": {envelope("", "<a><x><y></x></y></a>"), soap.KindIllFormed},
		"tags that differ by prefix only": {
			strings.Replace(security(token), "</o:Security>", "</p:Security>", 1), soap.KindIllFormed,
		},
		"two attributes of one name": {security(`<x a="" a=""/>` + token), soap.KindIllFormed},
		"two attributes of one expanded name": {
			security(`<x xmlns:p="urn:x" xmlns:q="urn:&#120;" p:a="" q:a=""/>` + token), soap.KindIllFormed,
		},
		"a prefix that is not declared":            {security(`<z:x/>` + token), soap.KindIllFormed},
		"a prefix out of scope":                    {security(`<x xmlns:z="urn:z"/><z:x/>` + token), soap.KindIllFormed},
		"an attribute prefix that is not declared": {security(`<x z:a=""/>` + token), soap.KindIllFormed},
		"the prefix xml bound to something else":   {security(`<x xmlns:xml="urn:x"/>` + token), soap.KindIllFormed},
		"another prefix bound to the XML namespace": {
			security(`<x xmlns:y="http://www.w3.org/XML/1998/namespace"/>` + token), soap.KindIllFormed,
		},
		"the prefix xmlns declared": {security(`<x xmlns:xmlns="urn:x"/>` + token), soap.KindIllFormed},
		"a prefix bound to the namespace of declarations": {
			security(`<x xmlns:y="http://www.w3.org/2000/xmlns/"/>` + token), soap.KindIllFormed,
		},
		"a prefix bound to nothing":        {security(`<x xmlns:y=""/>` + token), soap.KindIllFormed},
		"a less-than sign in an attribute": {security(`<x y="<"/>` + token), soap.KindIllFormed},
		"an attribute without quotes":      {security(`<x y=1/>` + token), soap.KindIllFormed},
		"attributes without a blank":       {security(`<x y="1"z="2"/>` + token), soap.KindIllFormed},
		"elements too deep in the header":  {envelope(deep, ""), soap.KindTooComplex},
		"elements too deep in the body":    {envelope("", deep), soap.KindTooComplex},
		"too many attributes":              {security(`<x` + many.String() + `/>` + token), soap.KindTooComplex},
		"a header beyond its bound": {
			security(`<!--` + strings.Repeat("x", soap.DefaultMaxHeader) + `-->` + token), soap.KindTooLarge,
		},
		"a declaration of XML 1.1":               {`<?xml version="1.1"?>` + security(token), soap.KindIllFormed},
		"a declaration without version":          {`<?xml encoding="utf-8"?>` + security(token), soap.KindIllFormed},
		"a declaration with a form feed":         {`<?xml version="1.0"` + "\f" + `?>` + security(token), soap.KindIllFormed},
		"a declaration that is not at the start": {` <?xml version="1.0"?>` + security(token), soap.KindIllFormed},
		"a declared encoding that is unknown": {
			`<?xml version="1.0" encoding="utf-7"?>` + security(token), soap.KindEncoding,
		},
		"declared as UTF-16 without being it": {
			`<?xml version="1.0" encoding="utf-16"?>` + security(token), soap.KindEncoding,
		},
		"UTF-32":               {"\xff\xfe\x00\x00<\x00\x00\x00", soap.KindEncoding},
		"UTF-16 of odd length": {"\xff\xfe<\x00x", soap.KindEncoding},
		"US-ASCII with more than ASCII": {
			`<?xml version="1.0" encoding="us-ascii"?>` + password(canary+"é"), soap.KindEncoding,
		},
		"two tokens in one Security header": {security(token + token), soap.KindAmbiguous},
		"a token in each of two Security headers": {
			envelope(`<o:Security s:actor="urn:a">`+token+`</o:Security><o:Security>`+token+`</o:Security>`, ""),
			soap.KindAmbiguous,
		},
		"two passwords in one token": {password(canary + "</o:Password><o:Password>x"), soap.KindAmbiguous},
		"two user names in one token": {
			security(strings.Replace(token, "anna", "a</o:Username><o:Username>b", 1)), soap.KindAmbiguous,
		},
		"two types of one password": {
			security(strings.Replace(token, "<o:Password>", `<o:Password Type="x#PasswordText" type="x#PasswordText">`, 1)),
			soap.KindAmbiguous,
		},
		"two Headers": {strings.Replace(security(token), "<s:Body", "<s:Header/><s:Body", 1), soap.KindAmbiguous},
		"a Header after the Body": {
			strings.Replace(
				envelope("", "<x/>"), "</s:Envelope>", "<s:Header><o:Security>"+token+"</o:Security></s:Header></s:Envelope>", 1,
			),
			soap.KindAmbiguous,
		},
		"a second Body": {
			strings.Replace(envelope("", "<x/>"), "</s:Envelope>", "<s:Body/></s:Envelope>", 1), soap.KindAmbiguous,
		},
		"an element before the Header": {
			strings.Replace(security(token), "<s:Header", "<x/><s:Header", 1), soap.KindNotSOAP,
		},
		"a token directly in the Header":        {envelope(token, ""), soap.KindMisplaced},
		"a token under another header block":    {envelope("<x>"+token+"</x>", ""), soap.KindMisplaced},
		"a token deeper in the Security header": {security("<o:Embedded>" + token + "</o:Embedded>"), soap.KindMisplaced},
		"a token beside a proper one": {
			envelope("<o:Security>"+token+"</o:Security><x>"+token+"</x>", ""), soap.KindMisplaced,
		},
		"a token of another namespace": {security(strings.ReplaceAll(token, "o:", "")), soap.KindMisplaced},
		"a password of another namespace in the token": {
			password(canary + `</o:Password><Password>x</Password><o:Password xmlns:o="urn:x">`), soap.KindMisplaced,
		},
		"a password in another header block": {
			envelope("<AuthHeader><PASSWORD>"+canary+"</PASSWORD></AuthHeader>", ""), soap.KindMisplaced,
		},
		"a password in a header block of DocuSign's own": {
			envelope(
				`<DocuSignCredentials xmlns="http://www.docusign.net/API/3.0"><Password>`+canary+`</Password>`+
					`</DocuSignCredentials>`,
				"",
			),
			soap.KindMisplaced,
		},
		"a token of an older WS-Security": {
			envelope(
				`<d:Security xmlns:d="http://schemas.xmlsoap.org/ws/2002/07/secext">`+
					strings.ReplaceAll(token, "o:", "d:")+`</d:Security>`,
				"",
			),
			soap.KindMisplaced,
		},
		"a Security header as the operation": {envelope("", "<o:Security>"+token+"</o:Security>"), soap.KindMisplaced},
		"a token in the body":                {envelope("", "<x><y>"+token+"</y></x>"), soap.KindMisplaced},
		"a token without a user name": {
			security(`<o:UsernameToken><o:Password>` + canary + `</o:Password></o:UsernameToken>`), soap.KindToken,
		},
		"a digest": {
			security(strings.Replace(token, "<o:Password>", `<o:Password Type="`+types+`#PasswordDigest">`, 1)), soap.KindDigest,
		},
		"an unknown password type": {
			security(strings.Replace(token, "<o:Password>", `<o:Password Type="x">`, 1)), soap.KindPasswordType,
		},
		"an encrypted token": {security(`<e:EncryptedData/>`), soap.KindEncrypted},
		"an encrypted header block": {
			envelope(
				`<e11:EncryptedHeader xmlns:e11="http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"/>`, "",
			),
			soap.KindEncrypted,
		},
		"a signature over the token": {security(token + signature(`<d:Reference URI="#T"/>`)), soap.KindSigned},
		"a signature over the token, made before it": {
			security(signature(`<d:Reference URI="#B"/><d:Reference URI="#T"/>`) + token), soap.KindSigned,
		},
		"a signature over the token by a pointer": {
			security(token + signature(`<d:Reference URI="#xpointer(id('T'))"/>`)), soap.KindSigned,
		},
		"a signature over the token by a character reference": {
			security(token + signature(`<d:Reference URI="&#35;T"/>`)), soap.KindSigned,
		},
		"a signature over the Security header": {security(token + signature(`<d:Reference URI="#S"/>`)), soap.KindSigned},
		"a signature over the password alone": {
			security(strings.Replace(token, "<o:Password>", `<o:Password Id="P">`, 1) + signature(`<d:Reference URI="#P"/>`)),
			soap.KindSigned,
		},
		"a signature over the whole document": {security(token + signature(`<d:Reference URI=""/>`)), soap.KindSigned},
		"a signature over what only the application knows": {
			security(token + signature(`<d:Reference/>`)), soap.KindSigned,
		},
		"a signature over the root by a pointer": {
			security(token + signature(`<d:Reference URI="#xpointer(/)"/>`)), soap.KindSigned,
		},
		"a signature with a key made from the token": {
			security(token + `<o:SecurityTokenReference><o:Reference URI="#T"/></o:SecurityTokenReference>`), soap.KindSigned,
		},
		"a token in an element after the Body, in a comment no less": {
			strings.Replace(envelope("", "<x/>"), "</s:Envelope>", "<x><!-- > -->"+token+"</x></s:Envelope>", 1),
			soap.KindMisplaced,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for way, chunk := range chunkings {
				e, err := read(chunk(strings.NewReader(c.message)), soap.Options{})
				if !errors.Is(err, c.kind) {
					t.Fatalf("%s: got %v, want %v", way, err, c.kind)
				}
				refused(t, e, err, c.message)
			}
		})
	}
}

// refused checks that nothing of a refused message can be forwarded but the message as it came.
func refused(t *testing.T, e *soap.Message, err error, message string) {
	t.Helper()
	var refusal *soap.Error
	if !errors.As(err, &refusal) || strings.Contains(err.Error(), canary) {
		t.Errorf("the error is %v", err)
	}
	if out, failure := io.ReadAll(e.Reader()); len(out) > 0 || !errors.Is(failure, refusal.Kind) {
		t.Errorf("Reader gives %q, %v", out, failure)
	}
	edits := []error{e.RemoveToken(), e.SetTo("x")}
	if e.Token != nil {
		edits = append(edits, e.Token.SetPassword(secret.New("x")), e.Token.SetUsername("x"))
	}
	for _, edit := range edits {
		if !errors.Is(edit, refusal.Kind) && !errors.Is(edit, soap.KindState) {
			t.Errorf("an edit gives %v", edit)
		}
	}
	if out, failure := io.ReadAll(e.Original()); failure != nil || string(out) != message {
		t.Errorf("Original gives %q, %v", out, failure)
	}
}

func TestARefusalStillTellsVersionAndUser(t *testing.T) {
	message := strings.ReplaceAll(
		security(strings.Replace(token, "<o:Password>", `<o:Password Type="`+types+`#PasswordDigest">`, 1)),
		soap.NamespaceSOAP11, soap.NamespaceSOAP12,
	)
	e, err := read(strings.NewReader(message), soap.Options{})
	if !errors.Is(err, soap.KindDigest) || e.Version != soap.NamespaceSOAP12 ||
		e.Token == nil || e.Token.Username != "anna" || e.Operation.Local != "Ping" {
		t.Errorf("got %v, %+v", err, e)
	}
}

func TestASignatureOverOtherPartsIsLeftAlone(t *testing.T) {
	sign := signature(`<d:Reference URI="#B"/><d:Reference URI="#TS"/><d:Reference URI="#xpointer(id('B'))"/>` +
		`<d:Reference URI="cid:x"/>`)
	rest := `<u:Timestamp u:Id="TS"/>` + sign +
		`<o:SecurityTokenReference><o:Reference URI="#X509"/></o:SecurityTokenReference>`
	e, err := read(strings.NewReader(security(token+rest)), soap.Options{})
	must(t, err)
	must(t, e.RemoveToken())
	if out, err := io.ReadAll(e.Reader()); err != nil || string(out) != security(rest) {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestASignedAddressIsNotRewritten(t *testing.T) {
	message := envelope(
		`<a:To u:Id="To">http://x</a:To><o:Security>`+token+signature(`<d:Reference URI="#To"/>`)+`</o:Security>`, "",
	)
	e, err := read(strings.NewReader(message), soap.Options{})
	must(t, err)
	if err := e.SetTo("https://y"); !errors.Is(err, soap.KindSigned) {
		t.Errorf("SetTo gives %v", err)
	}
	must(t, e.RemoveToken())
}

func TestAnEditThatFindsNothingSaysSo(t *testing.T) {
	e, err := read(strings.NewReader(envelope("", "")), soap.Options{})
	must(t, err)
	for name, err := range map[string]error{"RemoveToken": e.RemoveToken(), "SetTo": e.SetTo("x")} {
		if !errors.Is(err, soap.KindState) {
			t.Errorf("%s gives %v", name, err)
		}
	}
	const noPassword = "<o:UsernameToken><o:Username>a</o:Username></o:UsernameToken>"
	e, err = read(strings.NewReader(security(noPassword)), soap.Options{})
	must(t, err)
	if err := e.Token.SetPassword(secret.New("x")); !errors.Is(err, soap.KindState) {
		t.Errorf("SetPassword gives %v", err)
	}
	e, err = read(strings.NewReader(security(token)), soap.Options{})
	must(t, err)
	for _, bad := range []string{"\x00", "\xff", "\ufffe"} {
		if err := e.Token.SetPassword(secret.New(bad)); !errors.Is(err, soap.KindValue) {
			t.Errorf("SetPassword(%q) gives %v", bad, err)
		}
	}
	must(t, e.Token.SetPassword(secret.New("x")))
	must(t, e.RemoveToken())
	if err := e.Token.SetPassword(secret.New("y")); !errors.Is(err, soap.KindState) {
		t.Errorf("SetPassword after RemoveToken gives %v", err)
	}
	if out, err := io.ReadAll(e.Reader()); err != nil || string(out) != envelope("", `<Ping xmlns="`+namespaceAPI+`"/>`) {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestAStreamingBodyIsCheckedAsItPasses(t *testing.T) {
	long := strings.Repeat("JVBERi0x", 8<<10)
	for name, c := range map[string]struct {
		body string
		kind soap.Kind
	}{
		"a proper one": {"<x><y>" + long + "</y></x>", ""},
		"comments, CDATA and the like": {
			"<x><!-- <y> - -> " + long + " --><![CDATA[ <y> ]] > " + long + "]]><?a > b?><z a='>' b=\"'/>\" /></x >", "",
		},
		"one that breaks off":         {"<x><y>" + long, soap.KindIllFormed},
		"one with a token at the end": {"<x><y>" + long + token + "</y></x>", soap.KindMisplaced},
		"one with tags that cross":    {"<x><y>" + long + "</x></y>", soap.KindIllFormed},
		"one with a stray <":          {"<x><y>" + long + "< </y></x>", soap.KindIllFormed},
		"one with a bad attribute":    {"<x><y>" + long + "<z a='<'/></y></x>", soap.KindIllFormed},
	} {
		t.Run(name, func(t *testing.T) {
			message := envelope("<o:Security>"+token+"</o:Security>", c.body)
			for way, chunk := range chunkings {
				e, err := read(chunk(strings.NewReader(message)), soap.Options{})
				must(t, err)
				must(t, e.RemoveToken())
				out, err := io.ReadAll(e.Reader())
				if (c.kind == "") != (err == nil) || err != nil && !errors.Is(err, c.kind) {
					t.Errorf("%s: got %v, want %v", way, err, c.kind)
				}
				if bytes.Contains(out, []byte(canary)) {
					t.Errorf("%s: the password goes upstream", way)
				}
				if want := envelope("", c.body); err == nil && string(out) != want {
					t.Errorf("%s: the body changed, %d bytes instead of %d", way, len(out), len(want))
				}
			}
		})
	}
}

func TestAFailingConnectionIsNotARefusal(t *testing.T) {
	broken := errors.New("broken")
	for _, size := range []int{0, 10, 700, 20000} {
		message := envelope("", "<x>"+strings.Repeat("y", 40000)+"</x>")
		source := io.MultiReader(strings.NewReader(message[:size]), iotest.ErrReader(broken))
		e, err := read(source, soap.Options{})
		if err == nil {
			_, err = io.ReadAll(e.Reader())
		} else if e != nil {
			t.Errorf("%d bytes: an Envelope comes with %v", size, err)
		}
		if !errors.Is(err, broken) {
			t.Errorf("%d bytes: got %v", size, err)
		}
	}
}
