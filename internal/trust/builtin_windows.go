package trust

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// systemStore is a certificate store that Windows keeps in the registry.
type systemStore struct {
	place   uint32 // windows.CERT_SYSTEM_STORE_LOCAL_MACHINE, or …_CURRENT_USER
	name    string
	refused string // store of the same place; what stands there is believed nowhere ("Untrusted Certificates")
}

// builtIn is the machine's store. The user's is left alone: neither services nor IIS read it.
func builtIn() Store {
	return systemStore{windows.CERT_SYSTEM_STORE_LOCAL_MACHINE, "Root", "Disallowed"}
}

// Name implements Store.
func (s systemStore) Name() string { return "Windows store " + s.path() }

// path is that of PowerShell.
func (s systemStore) path() string {
	if s.place == windows.CERT_SYSTEM_STORE_CURRENT_USER {
		return `Cert:\CurrentUser\` + s.name
	}
	return `Cert:\LocalMachine\` + s.name
}

// Install plans to add the certificate; nothing if the store holds it already. The error may be that somebody has the
// machine refuse it.
func (s systemStore) Install(_ context.Context, c *x509.Certificate) (Plan, error) {
	if no, err := s.refusal(c); err != nil || no != (refusal{}) {
		return nil, cmp.Or(err, fmt.Errorf("%s: %s", no.reason, no.remedy))
	}
	all, err := s.certificates()
	if err != nil || slices.ContainsFunc(all, c.Equal) {
		return nil, err
	}
	return Plan{{
		text: "add " + SHA1(c) + " to " + s.path(),
		do: func(context.Context) error {
			return s.open(own, 0, func(store windows.Handle) error { return add(store, c) })
		},
	}}, nil
}

// Uninstall plans to delete this very certificate; nothing if the store does not hold it.
func (s systemStore) Uninstall(_ context.Context, c *x509.Certificate) (Plan, error) {
	all, err := s.certificates()
	if err != nil || !slices.ContainsFunc(all, c.Equal) {
		return nil, err
	}
	return Plan{{
		text: "delete " + SHA1(c) + " from " + s.path(),
		do:   func(context.Context) error { return s.remove(c) },
	}}, nil
}

// Trusts implements Store. Where the machine's store does not trust it, it looks into the user's.
func (s systemStore) Trusts(ctx context.Context, c *x509.Certificate, now time.Time) (Verdict, error) {
	if no, err := s.refusal(c); err != nil || no != (refusal{}) {
		return Verdict{Store: s.path(), Reason: no.reason, Remedy: no.remedy}, err
	}
	all, err := s.certificates()
	v := verdict(s.path(), all, c, now)
	if err != nil || v.Trusted || s.place == windows.CERT_SYSTEM_STORE_CURRENT_USER {
		return v, err
	}
	user, err := systemStore{windows.CERT_SYSTEM_STORE_CURRENT_USER, s.name, s.refused}.Trusts(ctx, c, now)
	if user.Trusted {
		v.Reason += "; that of this user does, which neither services nor IIS read"
	}
	return v, err
}

// refusal says that programs refuse a certificate whatever other stores hold; empty if they do not.
type refusal struct{ reason, remedy string }

func (s systemStore) refusal(c *x509.Certificate) (refusal, error) {
	refused := systemStore{place: s.place, name: s.refused}
	all, err := refused.certificates()
	if err != nil || !slices.ContainsFunc(all, c.Equal) {
		return refusal{}, err
	}
	return refusal{
		reason: refused.path() + " holds this certificate, so programs refuse it whatever other stores hold",
		remedy: "ask who put it there; then, in PowerShell as administrator: Remove-Item '" + refused.path() + `\` +
			strings.ReplaceAll(SHA1(c), ":", "") + "'",
	}, nil
}

// certificates are all that the store holds. What Go cannot read is not ours and is passed over.
func (s systemStore) certificates() (all []*x509.Certificate, err error) {
	err = s.open(whole, windows.CERT_STORE_READONLY_FLAG, func(store windows.Handle) error {
		return each(store, func(found *windows.CertContext) bool {
			if c, err := x509.ParseCertificate(encoded(found)); err == nil {
				all = append(all, c)
			}
			return true
		})
	})
	return all, err
}

// What programs read is put together from several places: the machine's own registry, a Group Policy, the company's
// directory. Only the first is changed here.
const (
	whole = windows.CERT_STORE_PROV_SYSTEM
	own   = windows.CERT_STORE_PROV_SYSTEM_REGISTRY
)

func (s systemStore) open(part uintptr, flags uint32, use func(windows.Handle) error) error {
	name, err := windows.UTF16PtrFromString(s.name)
	if err != nil {
		return err
	}
	store, err := windows.CertOpenStore(part, 0, 0, s.place|flags, uintptr(unsafe.Pointer(name)))
	runtime.KeepAlive(name)
	if err == nil {
		err = errors.Join(use(store), windows.CertCloseStore(store, 0))
	}
	if err != nil {
		return asRoot(fmt.Errorf("%s: %w", s.path(), plainErrno(err)))
	}
	return nil
}

// plainErrno turns an HRESULT of the kind "error of Win32" into that error, so that errors.Is knows it.
func plainErrno(err error) error {
	const win32 = 0x8007_0000
	if n, ok := errors.AsType[syscall.Errno](err); ok && n&^0xFFFF == win32 {
		return n & 0xFFFF
	}
	return err
}

// each gives the certificates one by one, until more says false. Each is valid until more returns.
func each(store windows.Handle, more func(*windows.CertContext) bool) error {
	var found *windows.CertContext
	var err error
	for {
		found, err = windows.CertEnumCertificatesInStore(store, found) // frees the one before
		switch {
		case found == nil && errors.Is(err, syscall.Errno(windows.CRYPT_E_NOT_FOUND)):
			return nil
		case found == nil:
			return err
		case !more(found):
			return windows.CertFreeCertificateContext(found)
		}
	}
}

func encoded(c *windows.CertContext) []byte {
	return slices.Clone(unsafe.Slice(c.EncodedCert, c.Length))
}

func add(store windows.Handle, c *x509.Certificate) error {
	made, err := windows.CertCreateCertificateContext(windows.X509_ASN_ENCODING, &c.Raw[0], uint32(len(c.Raw)))
	if err != nil {
		return err
	}
	err = windows.CertAddCertificateContextToStore(store, made, windows.CERT_STORE_ADD_USE_EXISTING, nil)
	return errors.Join(err, windows.CertFreeCertificateContext(made))
}

func (s systemStore) remove(c *x509.Certificate) error {
	err := s.open(own, 0, func(store windows.Handle) error {
		var same *windows.CertContext
		err := each(store, func(found *windows.CertContext) bool {
			if slices.Equal(encoded(found), c.Raw) {
				same = windows.CertDuplicateCertificateContext(found)
			}
			return same == nil
		})
		if err != nil || same == nil {
			return err
		}
		return windows.CertDeleteCertificateFromStore(same) // frees it in any case
	})
	if err != nil {
		return err
	}
	all, err := s.certificates()
	if err == nil && slices.ContainsFunc(all, c.Equal) {
		err = fmt.Errorf("%s still shows it: a Group Policy brings it, so take it out of that policy", s.path())
	}
	return err
}
