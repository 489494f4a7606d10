package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// callDoors are the ways of one call to demo.docusign.net, each with the origin under which the program reaches the
// proxy again.
func (r *rig) callDoors() []callDoor {
	sidecar := func(t *testing.T) *apptest.Wire { return r.Dial(t, call.DoorSidecar) }
	return []callDoor{
		{"sidecar", sidecar, "", r.Addr(call.DoorSidecar), r.Sidecar()},
		{"sidecar over TLS", func(t *testing.T) *apptest.Wire {
			return r.DialTLS(t, call.DoorSidecar, "")
		}, "", r.Addr(call.DoorSidecar),
			"https://" + r.Addr(call.DoorSidecar)},
		{"forward, plain", sidecar, "http://demo.docusign.net", "demo.docusign.net", "http://demo.docusign.net"},
		{"tunnel", func(t *testing.T) *apptest.Wire {
			return r.Tunnel(t, apptest.ConnectDemo)
		}, "", "demo.docusign.net", "https://demo.docusign.net"},
		{"hosts-file listener", func(t *testing.T) *apptest.Wire {
			return r.DialTLS(t, call.DoorHosts, "demo.docusign.net")
		}, "", "demo.docusign.net",
			"https://demo.docusign.net"},
	}
}

type callDoor struct {
	name         string
	open         func(*testing.T) *apptest.Wire
	target, host string
	origin       string
}

// get sends one call with Anna's credential.
func (d callDoor) get(t *testing.T, path string) apptest.Heard {
	t.Helper()
	w := d.open(t)
	w.Send(
		"GET " + d.target + path + " HTTP/1.1\r\nHost: " + d.host + "\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
			"\r\n\r\n",
	)
	return w.Read("GET")
}

const envelopesAtDemo = "/restapi/v2/accounts/1703061/envelopes"

func TestAddressesInHeadersLeadBackToTheProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const signing = "https://demo.docusign.net/Signing/StartInSession.aspx?t=1"
	const api = "/restapi/v2/accounts/1703061/envelopes/a%2Bb?x=%20"
	for _, door := range r.callDoors() {
		for _, c := range []struct{ name, header, came, want string }{
			{"a new resource", "Location", "https://demo.docusign.net" + api, door.origin + api},
			{"with the standard port", "Location", "https://DEMO.docusign.net:443" + api, door.origin + api},
			{"without a scheme", "Location", "//demo.docusign.net" + api, door.origin + api},
			{
				"Content-Location", "Content-Location", "https://demo.docusign.net/api/3.0/dsapi.asmx",
				door.origin + "/api/3.0/dsapi.asmx",
			},
			{"a relative one", "Location", api, api},
			{"a page for a browser", "Location", signing, signing},
			{"somebody else's", "Location", "https://erp.example.com/restapi/v2", "https://erp.example.com/restapi/v2"},
			{"no URL", "Location", "https://%zz/restapi/v2", "https://%zz/restapi/v2"},
		} {
			t.Run(door.name+", "+c.name, func(t *testing.T) {
				r.Sandbox.FailNext(sandbox.FailureSpec{
					Path: envelopesAtDemo, Status: 201, Body: "{}", Header: http.Header{c.header: {c.came}},
				})
				if got := door.get(t, envelopesAtDemo).Header.Get(c.header); !strings.EqualFold(got, c.want) ||
					strings.Contains(got, "%2b") {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		}
	}
}

func TestWhatASiteSaysOfItsOwnHostIsNotSaidOfTheProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	said := http.Header{
		"Strict-Transport-Security": {"max-age=31536000"}, "Alt-Svc": {`h3=":443"`}, "Public-Key-Pins": {"pin"},
	}
	for _, door := range r.callDoors() {
		t.Run(door.name, func(t *testing.T) {
			r.Sandbox.FailNext(sandbox.FailureSpec{Path: envelopesAtDemo, Status: 200, Body: "{}", Header: said})
			got := door.get(t, envelopesAtDemo)
			direct := strings.HasPrefix(door.origin, "https://demo.") // TLS with the site's own name
			for _, name := range []string{"Strict-Transport-Security", "Public-Key-Pins"} {
				if (got.Header.Get(name) != "") != direct {
					t.Errorf("%s: %q", name, got.Header.Get(name))
				}
			}
			if got.Status != 200 || got.Header.Get("Alt-Svc") != "" {
				t.Errorf("status %d, Alt-Svc %q", got.Status, got.Header.Get("Alt-Svc"))
			}
		})
	}
}

// The name that a program dials is what it must be led back to, also when the message repeats it.
func TestAddressingWithAHostThatIsFixedInTheProgram(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	req := soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(
		`<wsa:To xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing">`+r.Sidecar()+`/api/3.0/api.asmx</wsa:To>`+security(annaToken), listFeatures))
	req.Host = "demo.docusign.net"
	got := r.Do(nil, req)
	if rec := r.lastSOAP(); got.Status != 200 ||
		!strings.Contains(string(rec.Body), ">https://na3.docusign.net/api/3.0/api.asmx<") {
		t.Errorf("status %d, upstream %s", got.Status, rec.Body)
	}
}

// A TLS stack without SNI: Java 6, .NET 3.5 on old Windows.
func (r *rig) dialUnnamed(t *testing.T, expect string) *apptest.Wire {
	t.Helper()
	verify := func(cs tls.ConnectionState) error {
		_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: r.ProxyCA(), DNSName: expect})
		return err
	}
	c := tls.Client(r.Dial(t, call.DoorHosts).Conn, &tls.Config{InsecureSkipVerify: true, VerifyConnection: verify})
	if err := c.Handshake(); err != nil {
		t.Fatalf("TLS handshake: %v\n%s", err, r.Log)
	}
	return apptest.NewWire(t, c)
}

func TestTheHostsListenerServesClientsThatSendNoSNI(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct {
		name, host string
		want       int
	}{
		{"the site", "demo.docusign.net", 200},
		{"with port, capitals and a final dot", "DEMO.DocuSign.net.:443", 200},
		{"a host that is not DocuSign's", "www.example.com", 421},
		{"a name that only looks like it", "docusign.net.example.com", 421},
		{"this machine", "localhost", 421},
		{"an address", "127.0.0.1", 421},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			w := r.dialUnnamed(t, "demo.docusign.net")
			w.Send(
				"GET " + envelopesAtDemo + " HTTP/1.1\r\nHost: " + c.host + "\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
					"\r\n\r\n",
			)
			if got := w.Read("GET"); got.Status != c.want || (len(r.AtSites()) == 1) != (c.want == 200) {
				t.Errorf("status %d, %d calls went on: %s", got.Status, len(r.AtSites()), got.Body)
			}
		})
	}
	t.Run("neither SNI nor Host", func(t *testing.T) {
		w := r.dialUnnamed(t, "demo.docusign.net")
		w.Send("GET " + envelopesAtDemo + " HTTP/1.0\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n\r\n")
		if got := w.Read("GET"); got.Status != 421 {
			t.Errorf("status %d", got.Status)
		}
	})
	for _, name := range []string{
		"www.docusign.net", "na3.docusign.net", "na77.docusign.net", "account-d.docusign.com", "docusign.net",
	} {
		t.Run("the certificate is good for "+name, func(t *testing.T) { r.dialUnnamed(t, name) })
	}
}

func TestTheHostsListenerIsNoProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct {
		name, text string
		secure     bool
		want       int
	}{
		{"CONNECT in clear", apptest.ConnectDemo, false, 405},
		{"CONNECT inside TLS", apptest.ConnectDemo, true, 405},
		{"CONNECT to another host", "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n", true, 405},
		{"an absolute URI of a host that the connection is not for",
			"GET http://www.example.com/ HTTP/1.1\r\nHost: demo.docusign.net\r\n\r\n", true, 421},
		{
			"an absolute URI in clear", "GET http://demo.docusign.net/restapi HTTP/1.1\r\nHost: demo.docusign.net\r\n\r\n",
			false, 421,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.Dial(t, call.DoorHosts)
			if c.secure {
				w = w.Secure(r.Rig, "demo.docusign.net")
			}
			w.Send(c.text)
			got := w.Read("GET")
			if got.Status != c.want || len(r.AtSites()) != 0 {
				t.Errorf("status %d, %d calls went on", got.Status, len(r.AtSites()))
			}
			if c.want == 405 && (!strings.Contains(got.Body, "listen.proxy") || got.Header.Get("Allow") == "") {
				t.Errorf("%v %q", got.Header, got.Body)
			}
		})
	}
}

func TestWhatProxiesSaidOfTheInsideStaysInside(t *testing.T) {
	t.Parallel()
	var heard http.Header
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		heard = req.Header.Clone()
	}))
	t.Cleanup(other.Close)
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("egress")["tunnel"] = []string{strings.TrimPrefix(other.URL, "http://")}
		doc["unknown"] = "observe"
	})
	inside := []string{
		"Via", "1.1 squid.inside.example.com", "Forwarded", "for=10.1.2.3;host=old-box",
		"X-Forwarded-For", "10.1.2.3", "X-Forwarded-Host", "old-box", "X-Forwarded-Proto", "http", "X-Forwarded-Port", "8080",
		"X-Forwarded-Server", "old-box", "X-Forwarded-Ssl", "on", "X-Real-IP", "10.1.2.3", "X-Client-IP", "10.1.2.3",
		"True-Client-IP", "10.1.2.3", "Client-IP", "10.1.2.3", "X-Cluster-Client-IP", "10.1.2.3", "X-Original-For",
		"10.1.2.3",
		"Proxy-Authorization", "Basic eDp5", "Proxy-Connection", "keep-alive", "X-Kept", "1",
	}
	call := func(name, credential string) *http.Request {
		return apptest.Request(t, "GET", r.Sidecar()+envelopesAtDemo, nil, append([]string{name, credential}, inside...)...)
	}
	for _, c := range []struct {
		name   string
		client *http.Client
		req    *http.Request
	}{
		{"translated", nil, call("X-DocuSign-Authentication", apptest.AnnaJSON)},
		{"observed", nil, call("Authorization", "bearer b3BhcXVl")},
		{"without a credential", nil, apptest.Request(t, "GET", r.Sidecar()+"/restapi", nil, inside...)},
		{"forward, plain", r.ForwardClient(), apptest.Request(t, "GET", "http://demo.docusign.net/restapi", nil, inside...)},
		{
			"SOAP", nil,
			soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures), inside...),
		},
		{"a one-time URL over REST", nil, soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx",
			credentialCall("GetAuthenticationToken", annaName, "anna-legacy-1", ""), inside...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Do(c.client, c.req)
			sent := r.Last(t).Header
			for i := 0; i < len(inside)-2; i += 2 {
				if v := sent.Values(inside[i]); len(v) > 0 {
					t.Errorf("%s: %q went to DocuSign", inside[i], v)
				}
			}
			if sent.Get("X-Kept") == "" && !strings.HasPrefix(c.name, "a one-time") {
				t.Error("another header was lost")
			}
		})
	}
	t.Run("a host of egress.tunnel hears it as it came", func(t *testing.T) {
		r.Do(r.ForwardClient(), apptest.Request(t, "GET", other.URL+"/", nil, inside...))
		for i := 0; i < len(inside); i += 2 {
			if v := heard.Values(inside[i]); !slices.Equal(v, inside[i+1:i+2]) && !strings.HasPrefix(inside[i], "Proxy-") {
				t.Errorf("%s: %q", inside[i], v)
			}
		}
		if heard.Get("Proxy-Authorization") != "" {
			t.Error("the credential for this proxy went on")
		}
	})
}
