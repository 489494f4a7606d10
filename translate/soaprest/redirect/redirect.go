// Package redirect leads the browser of a signer from DocuSign back to the program, over an address of the proxy's own
// (SOAP-REST.md §4.6): SOAP had one address for each outcome, REST has one for all. It must lead to nothing but an
// address that an authenticated call named, and never to that of another outcome.
package redirect

import (
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Path is where browsers come back to; the state follows it.
const Path = "/ds-return/"

const (
	// life is how long an address of the proxy's leads on.
	life = 24 * time.Hour
	// maxReturnURL is DocuSign's limit for a returnUrl, in characters.
	maxReturnURL = 470
	// maxAddress is as long as browsers take for certain.
	maxAddress = 2000
)

// ErrGone is a state that the proxy did not make, or whose time is over.
var ErrGone = errors.New("the address was not made by this proxy, or its time is over")

// Store keeps the addresses that are too long for a returnUrl. Several proxies may share it.
type Store interface {
	// Cipher is one with nonces of its own, whose key stays the same.
	Cipher() (cipher.AEAD, error)
	// Put keeps a value until then, or until when it is kept already if that is later. It is durable when it returns.
	Put(ctx context.Context, key string, value []byte, until time.Time) error
	// Get gives a value whose time is not over. The error is that it is not known.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
}

// Addresses are those of a program, by their names in SOAP.
type Addresses map[string]string

// Outcomes lists SOAP's names of the addresses, in the order of the service's description.
func Outcomes() []string {
	var names []string
	for _, e := range events() {
		names = append(names, e.outcome)
	}
	return names
}

// event is a word that DocuSign appends to the returnUrl.
type event struct{ word, outcome string }

func events() []event {
	return []event{
		{"signing_complete", "OnSigningComplete"},
		{"viewing_complete", "OnViewingComplete"},
		{"cancel", "OnCancel"},
		{"decline", "OnDecline"},
		{"session_timeout", "OnSessionTimeout"},
		{"ttl_expired", "OnTTLExpired"},
		{"exception", onException},
		{"access_code_failed", "OnAccessCodeFailed"},
		{"id_check_failed", "OnIdCheckFailed"},
		{"fax_pending", "OnFaxPending"},
	}
}

const onException = "OnException"

// Check finds the address that a browser cannot be led to; "" = there is none.
func (a Addresses) Check() (outcome string) {
	for _, name := range Outcomes() {
		address := a[name]
		u, err := url.Parse(address)
		ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
		if address != "" && (!ok || len(address) > maxAddress) {
			return name
		}
	}
	return ""
}

// Same is the one address that was given, for one outcome or several; ok is false when none was, or they differ. Then
// one returnUrl of DocuSign's cannot stand for them: "declined" would be read as "signed" (SOAP-REST.md §4.6).
func (a Addresses) Same() (address string, ok bool) {
	all := map[string]bool{}
	for _, name := range Outcomes() {
		if given := a[name]; given != "" {
			address, all[given] = given, true
		}
	}
	return address, len(all) == 1
}

// of is where an outcome leads to; "" = nowhere.
func (a Addresses) of(outcome string) string {
	if address := a[outcome]; address != "" {
		return address
	}
	return a[onException]
}

// Redirector makes addresses of the proxy's own and says where they lead. It is safe for concurrent use.
type Redirector struct {
	store Store
	now   func() time.Time
	aead  func() (cipher.AEAD, error)
}

// New makes a Redirector.
func New(store Store, now func() time.Time) *Redirector {
	return &Redirector{
		store: store, now: now, aead: sync.OnceValues(func() (cipher.AEAD, error) { return store.Cipher() }),
	}
}

// A state is sealed: its kind, the end of its life in Unix seconds, the length of the note, the note, and the addresses
// or the key that they are kept under.
const (
	inside   = 1
	kept     = 2
	headSize = 6
	maxNote  = 36
)

// URL gives the returnUrl that leads to the addresses, for a day. public is the origin that browsers reach the proxy
// at; the note comes back with the browser, and is no longer than a GUID.
func (r *Redirector) URL(ctx context.Context, public *url.URL, a Addresses, note string) (string, error) {
	if len(note) > maxNote {
		return "", fmt.Errorf("a note of %d bytes", len(note))
	}
	if name := a.Check(); name != "" {
		return "", fmt.Errorf("%s is no address that a browser can be led to", name)
	}
	aead, err := r.aead()
	if err != nil {
		return "", fmt.Errorf("key of return addresses: %w", err)
	}
	until := r.now().Add(life)
	state := func(kind byte, content []byte) string {
		head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(until.Unix())) //nolint:gosec // until the year 2106
		head = append(append(head, byte(len(note))), note...)
		sealed := aead.Seal(nil, nil, append(head, content...), []byte(Path))
		return public.JoinPath(Path).String() + base64.RawURLEncoding.EncodeToString(sealed)
	}
	packed, err := pack(a)
	if err != nil {
		return "", err
	}
	if address := state(inside, packed); len(address) <= maxReturnURL {
		return address, nil
	}
	// The same addresses have the same key, so that a program that always sends the same fills nothing.
	digest := sha256.Sum256(packed)
	key := digest[:16]
	if err := r.store.Put(ctx, string(key), aead.Seal(nil, nil, packed, key), until); err != nil {
		return "", fmt.Errorf("keep return addresses: %w", err)
	}
	return state(kept, key), nil
}

// Location says where a browser goes that comes back with DocuSign's query: to exactly the address of the event,
// without what DocuSign appended. "" = to none: the program named neither that address nor one for exceptions. The
// error is ErrGone or one of the store.
func (r *Redirector) Location(
	ctx context.Context, state string, query url.Values,
) (address, note string, err error) {
	aead, err := r.aead()
	if err != nil {
		return "", "", fmt.Errorf("key of return addresses: %w", err)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil || len(state) > maxReturnURL {
		return "", "", ErrGone
	}
	content, err := aead.Open(nil, nil, sealed, []byte(Path))
	if err != nil {
		return "", "", ErrGone
	}
	until := time.Unix(int64(binary.BigEndian.Uint32(content[1:])), 0)
	end := headSize + int(content[headSize-1])
	note, packed := string(content[headSize:end]), content[end:]
	if !r.now().Before(until) {
		return "", "", ErrGone
	}
	if content[0] == kept {
		packed, err = r.kept(ctx, aead, packed)
	}
	if err != nil {
		return "", "", err
	}
	a, err := unpack(packed)
	if err != nil {
		return "", "", err
	}
	return header(a.of(outcomeOf(query.Get("event")))), note, nil
}

func (r *Redirector) kept(ctx context.Context, aead cipher.AEAD, key []byte) (packed []byte, err error) {
	value, ok, err := r.store.Get(ctx, string(key))
	if err != nil {
		return nil, err
	}
	if ok {
		packed, err = aead.Open(nil, nil, value, key)
	}
	if !ok || err != nil {
		return nil, ErrGone
	}
	return packed, nil
}

// outcomeOf takes a word that DocuSign does not document for an exception: nothing else is known of it.
func outcomeOf(word string) string {
	all := events()
	if i := slices.IndexFunc(all, func(e event) bool { return e.word == word }); i >= 0 {
		return all[i].outcome
	}
	return onException
}

// header writes an address as a Location header may have it (RFC 9110 §10.2.2): what no URL may have is escaped.
func header(address string) string {
	var b strings.Builder
	for _, c := range []byte(address) {
		if c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
