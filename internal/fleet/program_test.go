//go:build linux

package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docusign-auth-proxy/internal/processtest"
	"docusign-auth-proxy/internal/sandbox"
)

// kind is how a program shows who it is.
type kind string

const (
	byHeader kind = "header"
	bySOAP   kind = "SOAP"
	byToken  kind = "issued token"
)

// program is an old program. It opens a connection for each call, as many of them do.
type program struct {
	kind   kind
	user   string
	key    string // integrator key
	token  string // of kind byToken
	secret string // a password in place of the right one
	base   func() string
	client *http.Client
}

// outcome is what a program saw of one call.
type outcome struct {
	serial string // of an envelope; "" = the call makes none
	status int
	body   string
	header http.Header
	err    error
	began  time.Time
	took   time.Duration
}

func (o outcome) good() bool { return o.err == nil && o.status/100 == 2 }

func (o outcome) String() string {
	if o.err != nil {
		return o.err.Error()
	}
	return fmt.Sprintf("%d, cause %q: %.200s", o.status, o.cause(), o.body)
}

// cause is the proxy's word for what went wrong.
func (o outcome) cause() string { return o.header.Get("X-DocuSign-Auth-Proxy-Cause") }

// newProgram makes a program; from is the address it calls from, as the balancer before this one's balancer says in a
// line of the PROXY protocol. Empty = there is no such line.
func newProgram(k kind, user, from string, base func() string) *program {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, address)
		if err == nil && from != "" {
			_, err = fmt.Fprintf(c, "PROXY TCP4 %s 203.0.113.1 40000 443\r\n", from)
		}
		return c, err
	}
	return &program{kind: k, user: user, key: sandbox.GUIDKey, base: base, client: &http.Client{
		Timeout: processtest.Patience, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}
}

// bystander is a user of no crowd: a user keeps ten tokens, and more would end those of the crowd.
const bystander = "admin@example.com"

// to is a base that stays.
func to(address string) func() string { return func() string { return "http://" + address } }

// password is what the program has in its file.
func (p *program) password() string {
	if p.secret != "" {
		return p.secret
	}
	switch p.user {
	case "anna@example.com":
		return "anna-legacy-1"
	case "bob@example.com":
		return "bob-legacy-2"
	case bystander:
		return "admin-legacy-3"
	}
	return passwordOf(p.user)
}

// credential is the header of REST.
func (p *program) credential() string {
	text, _ := json.Marshal(map[string]string{ // strings always marshal
		"Username": p.user, "Password": p.password(), "IntegratorKey": p.key,
	})
	return string(text)
}

const (
	account  = "/restapi/v2/accounts/1234567"
	restBody = `{"status":"sent","emailSubject":"%s","documents":[{"documentId":"1","name":"a.pdf",` +
		`"documentBase64":"JVBERi0xLjQK"}],"recipients":{"signers":[{"recipientId":"1","name":"Ben",` +
		`"email":"ben@example.com"}]}}`
	soapBody = `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">` +
		`<s:Header><wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">` +
		`<wsse:UsernameToken><wsse:Username>[%s]%s</wsse:Username><wsse:Password>%s</wsse:Password>` +
		`</wsse:UsernameToken></wsse:Security></s:Header><s:Body>` +
		`<CreateAndSendEnvelope xmlns="http://www.docusign.net/API/3.0"><Envelope>%s<AccountId>` + sandbox.ExampleAccountID +
		`</AccountId><Documents><Document><ID>1</ID><Name>a.pdf</Name><PDFBytes>JVBERi0xLjQK</PDFBytes></Document>` +
		`</Documents><Recipients><Recipient><ID>1</ID><UserName>Ben</UserName><Email>ben@example.com</Email>` +
		`<Type>Signer</Type></Recipient></Recipients><Subject>%s</Subject></Envelope></CreateAndSendEnvelope>` +
		`</s:Body></s:Envelope>`
)

// create makes an envelope.
func (p *program) create(ctx context.Context, serial string) outcome {
	if p.kind == bySOAP {
		return p.createBySOAP(ctx, serial, "")
	}
	o := p.do(ctx, "POST", account+"/envelopes", fmt.Sprintf(restBody, serial), "application/json")
	o.serial = serial
	return o
}

// createBySOAP makes an envelope; transaction is its TransactionID, empty for none.
func (p *program) createBySOAP(ctx context.Context, serial, transaction string) outcome {
	if transaction != "" {
		transaction = "<TransactionID>" + transaction + "</TransactionID>"
	}
	text := fmt.Sprintf(soapBody, p.key, p.user, p.password(), transaction, serial)
	o := p.do(ctx, "POST", "/api/3.0/api.asmx", text, "text/xml; charset=utf-8")
	o.serial = serial
	return o
}

// list only reads.
func (p *program) list(ctx context.Context) outcome {
	return p.do(ctx, "GET", account+"/envelopes?from_date=2026-01-01&count=1", "", "")
}

func (p *program) do(ctx context.Context, method, path, body, contentType string) (o outcome) {
	o.began = time.Now()
	defer func() { o.took = time.Since(o.began) }()
	r, err := http.NewRequestWithContext(ctx, method, p.base()+path, strings.NewReader(body))
	if err != nil {
		o.err = err
		return o
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	switch p.kind {
	case byHeader:
		r.Header.Set("X-DocuSign-Authentication", p.credential())
	case byToken:
		r.Header.Set("Authorization", "bearer "+p.token)
	case bySOAP:
		r.Header.Set("SOAPAction", `"http://www.docusign.net/API/3.0/CreateAndSendEnvelope"`)
	}
	resp, err := p.client.Do(r)
	if err != nil {
		o.err = err
		return o
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	o.status, o.body, o.header, o.err = resp.StatusCode, string(text), resp.Header, err
	return o
}

// login asks for an issued token.
func (p *program) login(ctx context.Context) outcome {
	form := url.Values{
		"grant_type": {"password"}, "client_id": {p.key}, "username": {p.user}, "password": {p.password()},
		"scope": {"api"},
	}
	asker := *p
	asker.kind = "form"
	o := asker.do(ctx, "POST", "/restapi/v2/oauth2/token", form.Encode(), "application/x-www-form-urlencoded")
	var issued struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal([]byte(o.body), &issued) == nil && o.good() {
		p.token = issued.Token
	}
	return o
}

// revoke ends the issued token.
func (p *program) revoke(ctx context.Context) outcome {
	asker := *p
	asker.kind = "form"
	return asker.do(ctx, "POST", "/restapi/v2/oauth2/revoke", "token="+url.QueryEscape(p.token),
		"application/x-www-form-urlencoded")
}

// fetch reads a page.
func fetch(url string) (string, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %.300s", resp.StatusCode, text)
	}
	return string(text), err
}

// crowd makes programs of all kinds, each with an address of its own in a network, if that is not empty. Those with
// tokens have logged in when it returns.
func crowd(t *testing.T, n int, network string, base func() string) []*program {
	t.Helper()
	kinds := []kind{byHeader, bySOAP, byToken}
	users := []string{"anna@example.com", "bob@example.com"}
	var all []*program
	for i := range n {
		address := ""
		if network != "" {
			address = fmt.Sprintf("%s%d", network, i+10)
		}
		p := newProgram(kinds[i%len(kinds)], users[i%len(users)], address, base)
		if p.kind == byToken {
			if o := p.login(t.Context()); p.token == "" {
				t.Fatalf("log in: %v", o)
			}
		}
		all = append(all, p)
	}
	return all
}

// load is a crowd at work.
type load struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	serial atomic.Int64
	active atomic.Int64 // calls under way

	mu   sync.Mutex
	seen []outcome
}

// work lets each program make envelopes, one after the other with a pause between, until the load is ended.
func work(programs []*program, pause time.Duration) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel}
	for _, p := range programs {
		l.wg.Go(func() {
			for wait(ctx, pause) == nil {
				l.active.Add(1)
				o := p.create(context.WithoutCancel(ctx), fmt.Sprintf("serial-%08d", l.serial.Add(1)))
				l.active.Add(-1)
				l.note(o)
			}
		})
	}
	return l
}

func (l *load) note(o outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, o)
}

// end stops the programs after the call they are at, and gives what they saw.
func (l *load) end() []outcome {
	l.cancel()
	l.wg.Wait()
	return l.seen
}

// balance compares what the programs saw with the envelopes that there are.
type balance struct {
	calls, acknowledged, refused, cut int
	lost, doubled                     int // acknowledged without an envelope; more than one of a serial
	ambiguous                         int // cut off or refused, with an envelope
	examples                          []string
}

func (d *docusign) balance(seen []outcome) (b balance) {
	for _, o := range seen {
		b.calls++
		made := d.made(o.serial)
		switch {
		case o.good():
			b.acknowledged++
			if made == 0 {
				b.lost++
			}
		case o.err != nil:
			b.cut++
		default:
			b.refused++
		}
		if made > 1 {
			b.doubled++
		}
		if !o.good() && made > 0 {
			b.ambiguous++
		}
		if !o.good() && len(b.examples) < 5 {
			b.examples = append(b.examples, o.String())
		}
	}
	return b
}

func (b balance) String() string {
	return fmt.Sprintf("%d calls, %d acknowledged, %d cut off, %d refused, %d of those two with an envelope; lost %d, doubled %d",
		b.calls, b.acknowledged, b.cut, b.refused, b.ambiguous, b.lost, b.doubled)
}
