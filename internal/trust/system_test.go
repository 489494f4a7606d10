//go:build !windows

package trust_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/proxy/authority"
)

func TestSystemsInstallAndUninstall(t *testing.T) {
	const local = "/usr/local/share/ca-certificates"
	tests := []struct {
		name              string
		paths             []string
		folder            string
		wantAdd, wantTake string
	}{
		{
			"Debian", []string{local, "/usr/sbin/update-ca-certificates"}, local, "/usr/sbin/update-ca-certificates",
			"/usr/sbin/update-ca-certificates --fresh",
		},
		{
			"Alpine", []string{local, "/usr/sbin/update-ca-certificates", "/etc/alpine-release"}, local,
			"/usr/sbin/update-ca-certificates", "/usr/sbin/update-ca-certificates",
		},
		{
			"SUSE, which has Debian's folder too", []string{local, "/etc/pki/trust/anchors", "/usr/sbin/update-ca-certificates"},
			"/etc/pki/trust/anchors", "/usr/sbin/update-ca-certificates", "/usr/sbin/update-ca-certificates",
		},
		{
			"RHEL", []string{"/etc/pki/ca-trust/source/anchors", "/usr/bin/update-ca-trust"}, "/etc/pki/ca-trust/source/anchors",
			"/usr/bin/update-ca-trust extract", "/usr/bin/update-ca-trust extract",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, c, r := image(t, tt.paths...), fixed(t), &runs{}
			s, err := trust.Detect(root, r.run)
			if err != nil {
				t.Fatal(err)
			}
			if err := perform(t, s.Install, c); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(root, tt.folder, trust.Name(c)+".crt")
			data, err := os.ReadFile(file)
			if err != nil || string(data) != string(trust.EncodePEM(c)) {
				t.Fatalf("file: %v %s", err, data)
			}
			if plan, err := s.Install(t.Context(), c); err != nil || len(plan) != 2 ||
				!strings.HasPrefix(plan.Steps()[0], "leave ") {
				t.Errorf("second plan: %v %q", err, plan.Steps())
			}
			// Put there by hand, under another name: it goes as well. A bundle with others in it stays.
			byHand, bundle := filepath.Join(root, tt.folder, "docusign.crt"), filepath.Join(root, tt.folder, "bundle.crt")
			other := trust.EncodePEM(newCA(t, authority.Spec{}).Certificate())
			if err := errors.Join(
				os.WriteFile(byHand, data, 0o644), os.WriteFile(bundle, append(other, data...), 0o644),
			); err != nil {
				t.Fatal(err)
			}
			if err := perform(t, s.Uninstall, c); err != nil {
				t.Fatal(err)
			}
			left, err := os.ReadDir(filepath.Join(root, tt.folder))
			if err != nil || len(left) != 1 || left[0].Name() != "bundle.crt" {
				t.Errorf("left: %v %v", left, err)
			}
			if plan, err := s.Uninstall(t.Context(), c); err != nil || len(plan) != 0 {
				t.Errorf("nothing is left to uninstall: %v %q", err, plan.Steps())
			}
			want := []string{"chroot " + root + " " + tt.wantAdd, "chroot " + root + " " + tt.wantTake}
			if !slices.Equal(r.lines, want) {
				t.Errorf("ran  %q\nwant %q", r.lines, want)
			}
		})
	}
}

func TestAFailedUpdateLeavesTheStoreAsItWas(t *testing.T) {
	root := image(t, "/usr/local/share/ca-certificates", "/usr/sbin/update-ca-certificates")
	c, r := fixed(t), &runs{}
	s, err := trust.Detect(root, r.run)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "/usr/local/share/ca-certificates", trust.Name(c)+".crt")
	r.err = errors.New("no space left")
	if err := perform(t, s.Install, c); !errors.Is(err, r.err) {
		t.Errorf("install: %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file stayed: %v", err)
	}
	r.err = nil
	if err := perform(t, s.Install, c); err != nil {
		t.Fatal(err)
	}
	r.err = errors.New("no space left")
	if err := perform(t, s.Uninstall, c); !errors.Is(err, r.err) {
		t.Errorf("uninstall: %v", err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != string(trust.EncodePEM(c)) {
		t.Errorf("the file did not come back: %v", err)
	}
}

func TestDetectRefuses(t *testing.T) {
	if _, err := trust.Detect(filestest.TempDir(t), nil); !errors.Is(err, trust.ErrUnknownSystem) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := trust.Detect(image(t, "/usr/local/share/ca-certificates"), nil); err == nil ||
		!strings.Contains(err.Error(), "install the package ca-certificates") {
		t.Errorf("no update program: %v", err)
	}
	if _, err := trust.Detect(image(t, "/etc/alpine-release"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a marker without the folder: %v", err)
	}
	outside, root := filestest.TempDir(t), image(t, "/usr/local/share", "/usr/sbin/update-ca-certificates")
	if err := os.Symlink(outside, filepath.Join(root, "/usr/local/share/ca-certificates")); err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Detect(root, nil); err == nil || !strings.Contains(err.Error(), "leads out of") {
		t.Errorf("a link out of the image: %v", err)
	}
}

func TestTrusts(t *testing.T) {
	old := newCA(t, authority.Spec{})
	renewed, err := old.Renew(authority.Spec{Now: func() time.Time { return day0.Add(700 * 24 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	stranger := trust.EncodePEM(newCA(t, authority.Spec{}).Certificate())
	c, late := old.Certificate(), day0.Add(authority.DefaultLife+time.Hour)
	tests := []struct {
		name   string
		bundle []byte
		now    time.Time
		want   bool
		reason string
	}{
		{
			"the certificate is in the bundle, among others", append(stranger, trust.EncodePEM(c)...), day0, true,
			"it holds this certificate",
		},
		{"it is not", stranger, day0, false, "it does not hold"},
		{"it is there, but expired", trust.EncodePEM(c), late, false, "not valid today"},
		{
			"the renewed one is there", append(stranger, trust.EncodePEM(renewed.Certificate())...),
			day0.Add(701 * 24 * time.Hour), true, "of the same CA",
		},
		{
			"the renewed one is there but not valid yet", trust.EncodePEM(renewed.Certificate()), day0, false,
			"it does not hold",
		},
		{"there is no bundle", nil, day0, false, "does not exist"},
		{
			"what cannot be read is passed over",
			append([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), trust.EncodePEM(c)...), day0, true,
			"it holds this",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := image(t, "/usr/local/share/ca-certificates", "/usr/sbin/update-ca-certificates", "/etc/ssl/certs")
			if tt.bundle != nil {
				if err := os.WriteFile(filepath.Join(root, "/etc/ssl/certs/ca-certificates.crt"), tt.bundle, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s, err := trust.Detect(root, nil)
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Trusts(t.Context(), c, tt.now)
			if err != nil || v.Trusted != tt.want || !strings.Contains(v.Reason, tt.reason) {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}
