package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/authority"
)

func now() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

// offline runs a plan without DocuSign.
func offline(p Plan) *Report {
	p.Report.Offline, p.Now, p.Config = true, now, "proxy.yaml"
	return Run(context.Background(), p)
}

func findingOf(r *Report, check string) Finding {
	for _, f := range r.Findings {
		if f.Check == check {
			return f
		}
	}
	return Finding{}
}

func hostsFile(text string, past bool, door string) HostsFile {
	return HostsFile{
		Path: "/etc/hosts", Door: door,
		Read:     func(string) ([]byte, error) { return []byte(text), nil },
		DocuSign: func(h string) bool { return strings.HasSuffix(h, ".docusign.net") },
		Past:     func(string) bool { return past },
		Refused:  func(string) error { return nil },
		Local:    func(ip netip.Addr) (bool, error) { return ip.IsLoopback(), nil },
	}
}

func TestTheHostsFileIsReadAsTheSystemReadsIt(t *testing.T) {
	tests := []struct {
		name, text  string
		past        bool
		door        string
		status      Status
		found, next string
	}{
		{"a file without DocuSign", "127.0.0.1 localhost\n", false, "", OK, "no DocuSign name", ""},
		{"a comment is no entry", "# 127.0.0.1 demo.docusign.net\n", false, "", OK, "no DocuSign name", ""},
		{"a name that leads the proxy to itself", "127.0.0.1\tlocalhost DEMO.docusign.net. # old\n", false, "127.0.0.1:443", Fail, "points it at this machine", "egress.resolver"},
		{"a name that only programs follow", "127.0.0.1 demo.docusign.net\n", true, "127.0.0.1:443", OK, "hosts-file door", ""},
		{"a name with nobody behind it", "::1 demo.docusign.net\n", true, "", Warn, "listen.hosts is off", "listen: {hosts"},
		{"a name fixed to an outer address", "162.248.184.1 na3.docusign.net\n", true, "", Warn, "fixes it to 162.248.184.1", "remove the line"},
		{"rubbish is passed over", "demo.docusign.net\nnot-an-address demo.docusign.net\n", false, "", OK, "no DocuSign name", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := findingOf(offline(Plan{HostsFile: hostsFile(tt.text, tt.past, tt.door)}), "hosts file")
			if f.Status != tt.status || !strings.Contains(f.Found, tt.found) || !strings.Contains(f.Next, tt.next) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestAHostsFileNamesAHostOfAnotherEnvironment(t *testing.T) {
	h := hostsFile("127.0.0.1 na3.docusign.net\n", true, "127.0.0.1:443")
	h.Refused = func(string) error { return errors.New("na3.docusign.net belongs to DocuSign's production environment") }
	f := findingOf(offline(Plan{HostsFile: h}), "hosts file")
	if f.Status != Warn || !strings.Contains(f.Found, "production") || !strings.Contains(f.Next, "second proxy") {
		t.Errorf("%+v", f)
	}
}

func TestAHostsFileThatCannotBeRead(t *testing.T) {
	for err, want := range map[error]Status{fs.ErrNotExist: OK, os.ErrPermission: Warn} {
		h := hostsFile("", false, "")
		h.Read = func(string) ([]byte, error) { return nil, err }
		if f := findingOf(offline(Plan{HostsFile: h}), "hosts file"); f.Status != want {
			t.Errorf("%v: %+v", err, f)
		}
	}
}

func TestListeners(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	tests := []struct {
		name, address string
		status        Status
		found, next   string
	}{
		{"a free address", "127.0.0.1:0", OK, "free", ""},
		{"a port that somebody has", taken.Addr().String(), Fail, "another program has the port", port},
		{"an address of another machine", "192.0.2.1:8080", Fail, "does not have that address", "127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := findingOf(offline(Plan{Admin: "127.0.0.1:1", Listeners: []Listener{{"listen.proxy", tt.address}}}), "listener")
			if f.Status != tt.status || !strings.Contains(f.Found, tt.found) || !strings.Contains(f.Next, tt.next) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestReachable(t *testing.T) {
	for from, want := range map[string]string{":8080": "127.0.0.1:8080", "0.0.0.0:1": "127.0.0.1:1", "[::]:1": "127.0.0.1:1", "10.0.0.1:1": "10.0.0.1:1", "rubbish": "rubbish"} {
		if got := reachable(from); got != want {
			t.Errorf("%s: %s", from, got)
		}
	}
}

func TestTheTermOfACA(t *testing.T) {
	tests := []struct {
		name        string
		made        time.Duration // before now
		life        time.Duration
		status      Status
		found, next string
	}{
		{"a fresh one", 0, 365 * 24 * time.Hour, OK, "365 days", ""},
		{"one near its end", 20 * 24 * time.Hour, 30 * 24 * time.Hour, Warn, "in 10 days", "ca renew"},
		{"one past its end", 40 * 24 * time.Hour, 30 * 24 * time.Hour, Fail, "expired on 2026-11-12", "ca renew"},
		{"one from the future", -300 * 24 * time.Hour, 365 * 24 * time.Hour, Fail, "not valid before", "clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := authority.Create(authority.Spec{
				Algorithm: authority.ECDSA, Life: tt.life, Now: func() time.Time { return now().Add(-tt.made) },
			})
			if err != nil {
				t.Fatal(err)
			}
			f := findingOf(offline(Plan{Authority: &Authority{CertFile: "ca.pem", Authority: a}}), "ca")
			if f.Status != tt.status || !strings.Contains(f.Found, tt.found) || !strings.Contains(f.Next, tt.next) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestWhatASOAPAnswerProves(t *testing.T) {
	envelope := func(body string) string {
		return `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
	}
	faultOf := func(name, reason string) string {
		return envelope(`<soap:Fault><faultcode>soap:Client</faultcode><faultstring>` + name + `</faultstring><detail><ErrorCode>1</ErrorCode><Reason>` + reason + `</Reason></detail></soap:Fault>`)
	}
	tests := []struct {
		name   string
		status int
		body   string
		want   probe
	}{
		{"a response is a proof", 200, envelope(`<GetAccountMembershipFeaturesListResponse xmlns="http://www.docusign.net/API/3.0"/>`), probe{in: true}},
		{"a refused credential", 500, faultOf("User_Authentication_Failed", "One or both"), probe{said: "User_Authentication_Failed: One or both"}},
		{"a fault about something else lets one in", 500, faultOf("Account_Does_Not_Exist_In_System", "x"), probe{in: true, said: "Account_Does_Not_Exist_In_System: x"}},
		{"a fault with status 401", 401, faultOf("Nothing_Known", ""), probe{said: "Nothing_Known"}},
		{"a web page", 502, "<html>", probe{trouble: "HTTP 502 without a SOAP answer"}},
		{"nothing", 200, "", probe{trouble: "HTTP 200 without a SOAP answer"}},
		{"another envelope", 200, envelope("<PingResponse/>"), probe{trouble: "HTTP 200 without a SOAP answer"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(tt.status, []byte(tt.body)); got != tt.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(500, []byte(`<soap:Envelope xmlns:soap="s"><soap:Body><soap:Fault><faultstring>x</faultstring></soap:Fault></soap:Body></soap:Envelope>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p := judge(status, body)
		if p.in && p.trouble != "" || len(p.said) > 500 {
			t.Errorf("%+v", p)
		}
	})
}

func TestNothingSecretOrSteeringIsPrinted(t *testing.T) {
	token := "eyJ0eXAiOiJNVCIsImFsZyI6IlJTMjU2In0.abc"
	r := offline(Plan{
		Secrets: []secret.Text{secret.New("canary-1"), secret.New("canary-1-longer"), secret.New("abc")},
		Read:    []Finding{{Check: "config", Status: Fail, Found: "canary-1-longer " + token, Why: "canary-1", Next: "\x1b[31mred"}},
	})
	var b strings.Builder
	if err := errors.Join(r.WriteTicket(&b), r.WriteSummary(&b)); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"canary", "longer", "eyJ", "\x1b"} {
		if strings.Contains(b.String(), s) {
			t.Errorf("%q in\n%s", s, b.String())
		}
	}
}

func TestExitCodes(t *testing.T) {
	for want, statuses := range [][]Status{{OK, Skipped}, {OK, Warn}, {Warn, Fail, OK}} {
		var read []Finding
		for i, s := range statuses {
			read = append(read, Finding{Check: fmt.Sprint(i), Status: s, Found: "x", Next: "y"})
		}
		if r := offline(Plan{Read: read, Unusable: true}); r.ExitCode != want {
			t.Errorf("%v: %d, want %d", statuses, r.ExitCode, want)
		}
	}
}

func TestASummaryBeginsWithTheFirstFailure(t *testing.T) {
	r := offline(Plan{Unusable: true, Read: []Finding{{Check: "a", Status: Warn}, {Check: "b", Subject: "x", Status: Fail}, {Check: "c", Status: Fail}, {Check: "d", Status: Skipped}}})
	var b strings.Builder
	if err := r.WriteSummary(&b); err != nil {
		t.Fatal(err)
	}
	want := "\n0 checks are ok, 1 warning, 2 failures, 1 skipped.\nBegin with: b x. Others may go away with it; run the doctor again then.\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestADoctorWhoIsStoppedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r := Run(ctx, Plan{Now: now}); r.ExitCode != 2 || findingOf(r, "doctor").Found == "" {
		t.Errorf("%+v", r)
	}
}
