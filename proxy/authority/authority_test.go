package authority_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/proxy/authority"
)

var day0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// newAuthority uses ECDSA where the test is not about RSA, because RSA keys take their time.
func newAuthority(t testing.TB, s authority.Spec) *authority.Authority {
	t.Helper()
	if s.Now == nil {
		s.Now = at(day0)
	}
	a, err := authority.Create(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func keyPEM(t *testing.T, a *authority.Authority) []byte {
	t.Helper()
	dir := filestest.TempDir(t)
	if err := a.Save(filepath.Join(dir, "c"), filepath.Join(dir, "k"), false); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "k"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCreateDefaults(t *testing.T) {
	a := newAuthority(t, authority.Spec{})
	c := a.Certificate()
	if k, ok := c.PublicKey.(*rsa.PublicKey); !ok || k.N.BitLen() != 2048 {
		t.Errorf("default key is %T", c.PublicKey)
	}
	if !c.IsCA || !c.MaxPathLenZero || c.MaxPathLen != 0 || c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("not a CA for leaves only: %+v", c.KeyUsage)
	}
	if got, want := fmt.Sprint(c.PermittedDNSDomains, c.PermittedIPRanges, c.PermittedDNSDomainsCritical),
		"[docusign.net docusign.com localhost] [] true"; got != want || len(c.ExcludedIPRanges) != 0 {
		t.Errorf("constraints %s %v, want %s", got, c.ExcludedIPRanges, want)
	}
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("extended key usage %v", c.ExtKeyUsage)
	}
	if !a.Expires().Equal(day0.Add(authority.DefaultLife)) || !c.NotBefore.Equal(day0.Add(-24*time.Hour)) {
		t.Errorf("term %v to %v", c.NotBefore, c.NotAfter)
	}
	if !strings.HasPrefix(c.Subject.CommonName, "docusign-auth-proxy CA ") ||
		c.Subject.Organization[0] != "docusign-auth-proxy" {
		t.Errorf("subject %v", c.Subject)
	}
	if c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() < 64 || len(c.SubjectKeyId) != 20 {
		t.Errorf("serial %v, key identifier %x", c.SerialNumber, c.SubjectKeyId)
	}
	sum := sha256.Sum256(a.Certificate().Raw)
	if got := strings.ToLower(strings.ReplaceAll(a.Fingerprint(), ":", "")); got != hex.EncodeToString(sum[:]) {
		t.Errorf("fingerprint %s", a.Fingerprint())
	}
	if w := trust.Warnings(c, day0); len(w) != 0 {
		t.Errorf("a fresh CA warns: %q", w)
	}
}

func TestCreateRefuses(t *testing.T) {
	tests := []struct {
		name string
		spec authority.Spec
	}{
		{"a life that is too short", authority.Spec{Life: time.Minute}},
		{"a life that is too long", authority.Spec{Life: 11 * 365 * 24 * time.Hour}},
		{"a negative life", authority.Spec{Life: -time.Hour}},
		{"a wildcard as constraint", authority.Spec{Permitted: []string{"*.docusign.net"}}},
		{"an empty name", authority.Spec{Permitted: []string{"docusign.net", ""}}},
		{"an address range out of bounds", authority.Spec{Permitted: []string{"docusign.net", "10.0.0.0/40"}}},
		{"addresses alone, which would leave names unlimited", authority.Spec{Permitted: []string{"127.0.0.1"}}},
		{"a name that is not ASCII", authority.Spec{Permitted: []string{"döcusign.net"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.ECDSA = true
			if a, err := authority.Create(tt.spec); err == nil {
				t.Errorf("made %v", a)
			}
		})
	}
}

// The verdict of Permits must be the one a verifier gives about a real leaf.
func TestPermitsAgreesWithVerifiers(t *testing.T) {
	hosts := []string{
		"docusign.net", "demo.docusign.net", "a.b.docusign.com", "evildocusign.net", "docusign.net.evil.example", "net",
		"localhost", "x.localhost", "example.com", "127.0.0.1", "127.9.8.7", "10.1.2.3", "10.2.0.1", "::1", "::2", "fd00::1",
		"docusign.org",
	}
	tests := []struct {
		name      string
		permitted []string
		addresses bool // are constrained too
		want      string
	}{
		{"the default", nil, false, "docusign.net demo.docusign.net a.b.docusign.com localhost x.localhost " +
			"127.0.0.1 127.9.8.7 10.1.2.3 10.2.0.1 ::1 ::2 fd00::1"},
		{"the default with addresses constrained", nil, true,
			"docusign.net demo.docusign.net a.b.docusign.com localhost x.localhost 127.0.0.1 127.9.8.7 ::1"},
		{"names alone then permit no address", []string{"docusign.net"}, true, "docusign.net demo.docusign.net"},
		{"a leading dot leaves the apex out", []string{".docusign.net"}, true, "demo.docusign.net"},
		{
			"one address, one range", []string{"docusign.com", "10.1.0.0/16", "fd00::1"}, true,
			"a.b.docusign.com 10.1.2.3 fd00::1",
		},
		{"upper case and a final dot mean the same", []string{"DocuSign.NET."}, true, "docusign.net demo.docusign.net"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthority(t, authority.Spec{
				ECDSA: true, Permitted: tt.permitted, ConstrainAddresses: &tt.addresses,
			})
			var permitted []string
			for _, h := range hosts {
				err := a.Permits(h)
				if err == nil {
					permitted = append(permitted, h)
				}
				if refusal := new(authority.NameError); err != nil && (!errors.As(err, &refusal) || refusal.Host != h) {
					t.Errorf("%s: %v", h, err)
				}
				if verifies := authority.VerifiesUnconditionally(a, h, day0); verifies != (err == nil) {
					t.Errorf("%s: Permits says %v, a verifier %v", h, err == nil, verifies)
				}
			}
			if got := strings.Join(permitted, " "); got != tt.want {
				t.Errorf("permits %s\nwant    %s", got, tt.want)
			}
		})
	}
}

func TestPermitsNothingThatIsNoHost(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true})
	for _, h := range []string{
		"", ".", "..docusign.net", "a b.docusign.net", "*.docusign.net", "-x.docusign.net", "é.docusign.net", "fe80::1%eth0",
		strings.Repeat("a", 64) + ".docusign.net",
	} {
		if a.Permits(h) == nil {
			t.Errorf("permits %q", h)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := filestest.TempDir(t)
	cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")
	a := newAuthority(t, authority.Spec{ECDSA: true})
	if err := a.Save(cert, key, false); err != nil {
		t.Fatal(err)
	}
	for path, open := range map[string]bool{cert: true, key: false} {
		if who, err := files.OpenTo(path); err != nil || (who != "") != open {
			t.Errorf("%s: open to %q, %v", path, who, err)
		}
	}
	loaded := load(t, cert, key)
	if loaded.Fingerprint() != a.Fingerprint() {
		t.Error("loaded another CA")
	}

	b := newAuthority(t, authority.Spec{ECDSA: true})
	if err := b.Save(cert, key, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwrote without being asked: %v", err)
	}
	if load(t, cert, key).Fingerprint() != a.Fingerprint() {
		t.Error("a refused save changed the files")
	}
	if err := b.Save(cert, key, true); err != nil {
		t.Fatal(err)
	}
	if load(t, cert, key).Fingerprint() != b.Fingerprint() {
		t.Error("overwrite kept the old CA")
	}
	if who, err := files.OpenTo(key); err != nil || who != "" {
		t.Errorf("key after overwrite: open to %q, %v", who, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

func TestSaveLeavesNothingBehind(t *testing.T) {
	dir := filestest.TempDir(t)
	cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")
	if err := os.WriteFile(cert, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := newAuthority(t, authority.Spec{ECDSA: true})
	if err := a.Save(cert, key, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(key); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a key without certificate stays behind")
	}
	if err := a.Save(cert, cert, true); err == nil {
		t.Error("saved both into one file")
	}
	if err := a.Save(
		filepath.Join(dir, "none", "c"), filepath.Join(dir, "none", "k"), true,
	); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func load(t *testing.T, cert, key string) *authority.Authority {
	t.Helper()
	c, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	k, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := authority.Load(c, k)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLoadReadsEveryUsualKeyForm(t *testing.T) {
	for _, bits := range []int{0, 2048} {
		cert, key := foreignCA(t, bits, nil)
		forms := map[string][]byte{}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		forms["PRIVATE KEY"] = pkcs8
		switch k := key.(type) {
		case *rsa.PrivateKey:
			forms["RSA PRIVATE KEY"] = x509.MarshalPKCS1PrivateKey(k)
		case *ecdsa.PrivateKey:
			sec1, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			forms["EC PRIVATE KEY"] = sec1
		}
		for name, der := range forms {
			// Text before the block and an EC PARAMETERS block are what openssl writes.
			file := append([]byte("Bag Attributes\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC "+
				"PARAMETERS-----\n"),
				pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der})...)
			if _, err := authority.Load(cert, file); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// foreignCA makes a CA the way other tools do; change may spoil it.
func foreignCA(t *testing.T, rsaBits int, change func(*x509.Certificate)) (certPEM []byte, key any) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "corporate root"},
		NotBefore: day0.Add(-time.Hour), NotAfter: day0.Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(template)
	}
	var public any
	if rsaBits > 0 {
		k, err := rsa.GenerateKey(rand.Reader, rsaBits)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	} else {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestLoadRefuses(t *testing.T) {
	good, goodKey := foreignCA(t, 0, nil)
	_, otherKey := foreignCA(t, 0, nil)
	weak, weakKey := foreignCA(t, 1024, nil)
	notCA, notCAKey := foreignCA(t, 0, func(c *x509.Certificate) { c.IsCA = false })
	usage, usageKey := foreignCA(t, 0, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	code, codeKey := foreignCA(t, 0, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	})
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edTemplate := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: day0}
	edDER, err := x509.CreateCertificate(rand.Reader, edTemplate, edTemplate, edPublic, edKey)
	if err != nil {
		t.Fatal(err)
	}
	ed := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: edDER})

	tests := []struct {
		name      string
		cert, key []byte
		want      string
	}{
		{"no certificate", nil, pkcs8(t, goodKey), "no PEM certificate"},
		{"a key in place of the certificate", pkcs8(t, goodKey), pkcs8(t, goodKey), "no PEM certificate"},
		{
			"a broken certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), pkcs8(t, goodKey),
			"certificate 1",
		},
		{"too many certificates", bytes.Repeat(good, 9), pkcs8(t, goodKey), "more than 8"},
		{"no key", good, good, "holds a certificate"},
		{"a broken key", good, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("c4n4ry")}), "damaged"},
		{
			"an encrypted key, PKCS#8", good, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}),
			"encrypted",
		},
		{
			"an encrypted key, old form", good,
			pem.EncodeToMemory(&pem.Block{
				Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "x"}, Bytes: []byte("x"),
			}),
			"encrypted",
		},
		{"the key of another certificate", good, pkcs8(t, otherKey), "does not belong"},
		{"a certificate that is no CA", notCA, pkcs8(t, notCAKey), "not a CA"},
		{"a CA that may not sign", usage, pkcs8(t, usageKey), "key usage"},
		{"a CA for code only", code, pkcs8(t, codeKey), "extended key usage"},
		{"a weak RSA key", weak, pkcs8(t, weakKey), "1024 bits"},
		{"a key old clients cannot verify", ed, pkcs8(t, edKey), "RSA or ECDSA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := authority.Load(tt.cert, tt.key)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true, Life: 100 * 24 * time.Hour})
	lenient := newAuthority(t, authority.Spec{ECDSA: true, LenientConstraints: true})
	cert, key := foreignCA(t, 0, func(c *x509.Certificate) { c.NotAfter = day0.Add(9999 * time.Hour) })
	foreign, err := authority.Load(cert, pkcs8(t, key))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		a    *authority.Authority
		now  time.Time
		want string
	}{
		{"nothing to say about a fresh CA", a, day0, ""},
		{"the end is near", a, day0.Add(80 * 24 * time.Hour), "expires on 2027-03-02"},
		{"the end is past", a, day0.Add(101 * 24 * time.Hour), "expired on 2027-03-02"},
		{"the clock is wrong", a, day0.Add(-48 * time.Hour), "not valid before"},
		{"a CA that may sign for anything", foreign, day0, "no name constraints"},
		{"constraints that may be ignored", lenient, day0, "not critical"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(trust.Warnings(tt.a.Certificate(), tt.now), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("warnings %q, want %q", got, tt.want)
			}
		})
	}
	if _, err := authority.Load(a.CertPEM(), keyPEM(t, a)); err != nil {
		t.Errorf("an expired CA must load: %v", err)
	}
}

func TestRenewOverlaps(t *testing.T) {
	old := newAuthority(t, authority.Spec{ECDSA: true})
	later := day0.Add(700 * 24 * time.Hour)
	renewed, err := old.Renew(authority.Spec{Now: at(later)})
	if err != nil {
		t.Fatal(err)
	}
	if !renewed.Expires().Equal(later.Add(authority.DefaultLife)) || renewed.Fingerprint() == old.Fingerprint() {
		t.Errorf("renewed until %v", renewed.Expires())
	}
	if !bytes.Equal(renewed.Certificate().RawSubject, old.Certificate().RawSubject) ||
		fmt.Sprint(renewed.Certificate().PermittedDNSDomains) != fmt.Sprint(old.Certificate().PermittedDNSDomains) {
		t.Error("renewal changed subject or constraints")
	}
	for _, pair := range [][2]*authority.Authority{{old, renewed}, {renewed, old}} {
		leaves, err := authority.NewLeaves(pair[0], authority.Options{Now: at(later)})
		if err != nil {
			t.Fatal(err)
		}
		cert := ecdsaLeaf(t, leaves, "demo.docusign.net")
		if err := verify(pair[1], cert, "demo.docusign.net", later); err != nil {
			t.Errorf("a leaf of %v does not verify under %v: %v", pair[0], pair[1], err)
		}
	}

	if _, err := old.Renew(authority.Spec{Life: time.Second}); err == nil {
		t.Error("renewed for a second")
	}
}

func TestRenewKeepsACompanysOwnRootToItsLeaves(t *testing.T) {
	cert, key := foreignCA(t, 0, func(c *x509.Certificate) {
		c.MaxPathLen, c.PermittedDNSDomains = 3, []string{"docusign.net"}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageCodeSigning}
	})
	old, err := authority.Load(cert, pkcs8(t, key))
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := old.Renew(authority.Spec{Now: at(day0)})
	if err != nil {
		t.Fatal(err)
	}
	c := renewed.Certificate()
	got := fmt.Sprint(c.Subject, c.PermittedDNSDomains, c.MaxPathLen, c.ExtKeyUsage)
	if want := "CN=corporate root [docusign.net] 0 [serverAuth]"; got != want || c.SerialNumber.Cmp(big.NewInt(5)) == 0 {
		t.Errorf("renewed as %s, %v", got, c.SerialNumber)
	}
}

func TestRenewChangesTheConstraintsOnAddressesOnlyWhenAsked(t *testing.T) {
	yes, no := true, false
	own := []string{"docusign.net", "10.1.0.0/16"}
	for _, tt := range []struct {
		name      string
		permitted []string
		was       bool
		asked     *bool
		want      string // of 127.0.0.1, 10.1.2.3 and 192.0.2.1, those that are permitted
	}{
		{"none stay none", nil, false, nil, "127.0.0.1 10.1.2.3 192.0.2.1"},
		{"some stay", own, true, nil, "10.1.2.3"},
		{"some stay when asked for again", own, true, &yes, "10.1.2.3"},
		{"none become this machine's", nil, false, &yes, "127.0.0.1"},
		{"some go", own, true, &no, "127.0.0.1 10.1.2.3 192.0.2.1"},
		{"those that exclude all go", []string{"docusign.net"}, true, &no, "127.0.0.1 10.1.2.3 192.0.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old := newAuthority(t, authority.Spec{
				ECDSA: true, Permitted: tt.permitted, ConstrainAddresses: &tt.was,
			})
			renewed, err := old.Renew(authority.Spec{Now: at(day0), ConstrainAddresses: tt.asked})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ip := range []string{"127.0.0.1", "10.1.2.3", "192.0.2.1"} {
				if renewed.Permits(ip) == nil {
					got = append(got, ip)
				}
			}
			if strings.Join(got, " ") != tt.want || renewed.Permits("example.com") == nil || renewed.Permits(demo) != nil {
				t.Errorf("permits %s", got)
			}
		})
	}
}

// A company may issue the proxy's CA from its own root: leaves then carry the CA, and Renew is not ours to do.
func TestIssuedAuthority(t *testing.T) {
	rootPEM, rootKey := foreignCA(t, 0, nil)
	block, _ := pem.Decode(rootPEM)
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(6), Subject: pkix.Name{CommonName: "issuing"}, NotBefore: root.NotBefore,
		NotAfter: root.NotAfter,
		IsCA:     true, BasicConstraintsValid: true, PermittedDNSDomains: []string{"docusign.net"},
		PermittedDNSDomainsCritical: true,
		ExcludedDNSDomains:          []string{"secret.docusign.net"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root, &key.PublicKey, rootKey)
	if err != nil {
		t.Fatal(err)
	}
	file := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), rootPEM...)
	a, err := authority.Load(file, pkcs8(t, key))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.CertPEM(), file) {
		t.Error("CertPEM dropped the issuers")
	}
	leaves, err := authority.NewLeaves(a, authority.Options{Now: at(day0)})
	if err != nil {
		t.Fatal(err)
	}
	cert := ecdsaLeaf(t, leaves, "demo.docusign.net")
	if len(cert.Certificate) != 2 || !bytes.Equal(cert.Certificate[1], der) {
		t.Errorf("the leaf brings %d certificates, want itself and the issuing CA, not the root", len(cert.Certificate))
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	between.AddCert(a.Certificate())
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, DNSName: "demo.docusign.net", CurrentTime: day0,
	}); err != nil {
		t.Error(err)
	}
	if a.Permits("x.secret.docusign.net") == nil {
		t.Error("permits an excluded name")
	}
	if _, err := a.Renew(authority.Spec{}); err == nil {
		t.Error("renewed a CA that somebody else issued")
	}
}

func TestKeysNeverPrint(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true})
	leaves, err := authority.NewLeaves(a, authority.Options{Now: at(day0)})
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(keyPEM(t, a))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := key.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+"\n", a, leaves)
	}
	fmt.Fprintf(&out, "%+v", (*authority.Authority)(nil))
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "authority", a, "leaves", leaves)
	}
	secret := new(big.Int).SetBytes(scalar)
	for _, form := range []string{secret.String(), secret.Text(16), fmt.Sprint(scalar)} {
		if strings.Contains(out.String(), form) {
			t.Error("the key prints")
		}
	}
	if !strings.Contains(out.String(), a.Fingerprint()) {
		t.Errorf("says nothing useful: %s", out.String())
	}
}
