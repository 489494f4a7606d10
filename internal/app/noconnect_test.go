package app_test

import (
	"crypto/tls"
	"slices"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// What the status page says of a program that reaches the proxy by CONNECT and gets no call through.
func TestProgramsThatOnlyConnect(t *testing.T) {
	t.Parallel()
	silent := func(t *testing.T, r *rig) { // looks at the certificate after the handshake
		w := r.Opened(t, apptest.ConnectDemo)
		s := tls.Client(w.Buffered(), &tls.Config{InsecureSkipVerify: true, ServerName: "demo.docusign.net"})
		if err := s.Handshake(); err != nil {
			t.Error(err)
		}
		_ = s.Close()
	}
	distrusts := func(t *testing.T, r *rig) {
		w := r.Opened(t, apptest.ConnectDemo)
		if err := tls.Client(w.Buffered(), &tls.Config{ServerName: "demo.docusign.net"}).Handshake(); err == nil {
			t.Error("the handshake succeeded")
		}
	}
	calls := func(t *testing.T, r *rig) {
		w := r.Tunnel(t, apptest.ConnectDemo)
		w.Send("GET " + apptest.ListPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\n" + apptest.SignIn + "\r\n")
		if got := w.Read("GET"); got.Status != 200 {
			t.Errorf("status %d", got.Status)
		}
	}
	refused := func(t *testing.T, r *rig) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send(apptest.ConnectDemo)
		if got := w.Read("CONNECT"); got.Status != 403 {
			t.Errorf("status %d", got.Status)
		}
	}
	noCA := func(s apptest.Section) {
		delete(s, "interception")
		delete(s.At("listen"), "hosts")
	}
	for _, test := range []struct {
		name string
		edit func(apptest.Section)
		acts []func(*testing.T, *rig)
		want []string // cause and severity
	}{
		{"nobody ever came by CONNECT", nil, nil, nil},
		{"it looks at the certificate and goes", nil, []func(*testing.T, *rig){silent}, []string{"no_connect page"}},
		{"it connects ahead, and its calls come through", nil, []func(*testing.T, *rig){calls, silent}, nil},
		{"it does not trust the CA", nil, []func(*testing.T, *rig){distrusts}, []string{"tls_not_trusted page"}},
		{"another program on its machine does", nil, []func(*testing.T, *rig){distrusts, calls},
			[]string{"tls_not_trusted ticket"}},
		{"there is no CA", noCA, []func(*testing.T, *rig){refused}, []string{"no_ca page"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRigEdited(t, sandbox.Options{}, nil, test.edit)
			for _, act := range test.acts {
				act(t, r)
			}
			apptest.Eventually(t, "the entries", func() bool {
				var got []string
				s := r.status(t)
				for _, a := range s.Attention {
					got = append(got, a.Cause+" "+a.Severity.String())
				}
				return slices.Equal(got, test.want) && (len(s.ConnFailures) > 0) == (test.acts != nil)
			})
		})
	}
}
