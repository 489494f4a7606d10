package store

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/secret"
)

// The shape of DocuSign's own: base64 of 20 bytes, for tokens (PROTOCOL.md §3.1) and encrypted passwords (§1.2).
const (
	issuedBytes = 20
	issuedChars = 28
)

// TokenOwner says for whom a token or password was issued.
type TokenOwner struct {
	Integration   string // name in the configuration
	Authenticator string // whose password was proven
	Principal     string // who is acted for; the authenticator when it is nobody else
	Scheme        string // how the credential was given
	// Voucher is a keyed digest of what proved the authenticator, see Store.Voucher. Records of earlier versions have none.
	Voucher string `json:",omitempty"`
}

// holder is what the limit counts by.
type holder struct{ integration, authenticator, principal string }

func (o TokenOwner) holder() holder { return holder{o.Integration, o.Authenticator, o.Principal} }

func (o TokenOwner) check() error {
	for _, s := range []string{o.Integration, o.Authenticator, o.Principal, o.Scheme, o.Voucher} {
		if len(s) > maxText {
			return ErrSize
		}
	}
	return nil
}

// Issued is what is known of a live token or password, without the secret.
type Issued struct {
	Owner       TokenOwner
	Kind        string // "token" or "password"
	Fingerprint string // first 12 hex digits of the hash, to tell two apart
	Issued      time.Time
	LastUsed    time.Time // zero if never
}

// Issue makes an opaque token that never expires (PROTOCOL.md §3.6). It is durable when Issue returns. Beyond
// Options.PerOwner live ones of the same integration, authenticator and principal, the least recently used goes.
func (s *Store) Issue(o TokenOwner) (secret.Text, error) {
	return s.issue(s.tokens, o, nil, func() (string, error) {
		b := make([]byte, issuedBytes)
		if _, err := io.ReadFull(s.o.Random, b); err != nil {
			return "", err
		}
		return base64.StdEncoding.EncodeToString(b), nil
	})
}

// Lookup finds the owner of a token, and notes its use. It touches no disk.
func (s *Store) Lookup(token secret.Text) (TokenOwner, bool) {
	return s.tokens.lookup(token, s.o.Now)
}

// IssuePassword returns the proxy-side password of o (PROTOCOL.md §2.5, §4.8). DocuSign gives every caller the same
// one, so this does too: it is derived from a stored salt with the key file, and only its hash and the salt are kept.
// A new one is made after RevokeWhere, when another voucher is given, or when the key file was lost. The store still finds
// the earlier ones, within the limit; whether their voucher holds is for the caller to judge.
func (s *Store) IssuePassword(o TokenOwner) (secret.Text, error) {
	master, err := s.keys.key("issued passwords", true)
	if err != nil {
		return secret.Text{}, fmt.Errorf("issue password: %w", err)
	}
	if p, ok := s.passwords.derived(o, master); ok {
		return p, nil
	}
	salt := make([]byte, 32)
	if _, err := io.ReadFull(s.o.Random, salt); err != nil {
		return secret.Text{}, fmt.Errorf("issue password: %w", err)
	}
	return s.issue(s.passwords, o, salt, func() (string, error) {
		if p, ok := s.passwords.derived(o, master); ok { // another caller was first
			return p.Reveal(), nil
		}
		return derive(master, salt, o), nil
	})
}

// LookupPassword finds the owner of a proxy-side password. It touches no disk. The caller must still compare the owner
// with the user name that came with the password.
func (s *Store) LookupPassword(password secret.Text) (TokenOwner, bool) {
	return s.passwords.lookup(password, s.o.Now)
}

// Revoke ends a token and reports whether it was live. With an error it is still live.
func (s *Store) Revoke(token secret.Text) (bool, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	sum, ok := digest(token)
	if !ok || s.tokens.get(sum) == nil {
		return false, nil
	}
	if err := s.write(change{bucket: s.tokens.bucket, key: string(sum[:])}); err != nil {
		return false, fmt.Errorf("revoke token: %w", err)
	}
	s.tokens.remove(sum)
	return true, nil
}

// RevokeWhere ends the tokens and passwords that match, and returns them. With an error all are still live.
func (s *Store) RevokeWhere(match func(Issued) bool) ([]Issued, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	var ended []Issued
	var changes []change
	for _, v := range []*vault{s.tokens, s.passwords} {
		for sum, i := range v.infos() {
			if match(i) {
				ended, changes = append(ended, i), append(changes, change{bucket: v.bucket, key: string(sum[:])})
			}
		}
	}
	if err := s.write(changes...); err != nil {
		return nil, fmt.Errorf("revoke: %w", err)
	}
	for _, c := range changes {
		v := s.tokens
		if c.bucket == s.passwords.bucket {
			v = s.passwords
		}
		v.remove([sha256.Size]byte([]byte(c.key)))
	}
	sortIssued(ended)
	return ended, nil
}

// List returns the live tokens and passwords, the latest issued first.
func (s *Store) List() []Issued {
	list := slices.AppendSeq(slices.Collect(maps.Values(s.tokens.infos())), maps.Values(s.passwords.infos()))
	sortIssued(list)
	return list
}

func sortIssued(list []Issued) {
	slices.SortFunc(list, func(a, b Issued) int {
		return cmp.Or(b.Issued.Compare(a.Issued), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
}

// Voucher is the digest that is kept beside what a password vouched for: of the owner and of the password's fingerprint, with
// the key file, so that a copy of the store alone does not tell whether a guess is right.
func (s *Store) Voucher(o TokenOwner, fingerprint [sha256.Size]byte) (string, error) {
	key, err := s.keys.key("vouchers", true)
	if err != nil {
		return "", fmt.Errorf("voucher: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(keyed(key, o.Integration, o.Authenticator, string(fingerprint[:]))), nil
}

// TakeOver gives a voucher to the records of earlier versions, which have none: the one that voucher returns, unless it is
// empty. It is durable when TakeOver returns. With an error none has changed.
func (s *Store) TakeOver(voucher func(TokenOwner) (string, error)) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	for _, v := range []*vault{s.tokens, s.passwords} {
		taken, changes := map[[sha256.Size]byte]*record{}, []change(nil)
		for sum, i := range v.infos() {
			if i.Owner.Voucher != "" {
				continue
			}
			var err error
			if i.Owner.Voucher, err = voucher(i.Owner); err != nil {
				return fmt.Errorf("take over: %w", err)
			}
			if i.Owner.Voucher == "" {
				continue
			}
			taken[sum] = v.get(sum).of(i.Owner)
			changes = append(changes, change{v.bucket, string(sum[:]), taken[sum].encode()})
		}
		if err := s.write(changes...); err != nil {
			return fmt.Errorf("take over: %w", err)
		}
		v.replace(taken)
	}
	return nil
}

// issue takes the text from fresh while writing is held, so that two callers cannot pass the limit together.
func (s *Store) issue(v *vault, o TokenOwner, salt []byte, fresh func() (string, error)) (secret.Text, error) {
	if err := o.check(); err != nil {
		return secret.Text{}, fmt.Errorf("issue %s: %w", v.kind, err)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	text, err := fresh()
	if err != nil {
		return secret.Text{}, fmt.Errorf("issue %s: %w", v.kind, err)
	}
	token := secret.New(text)
	sum, ok := digest(token)
	if !ok {
		return secret.Text{}, fmt.Errorf("issue %s: it has %d characters", v.kind, len(text))
	}
	if v.get(sum) != nil {
		return token, nil
	}
	rec := &record{owner: o, salt: salt, issued: s.o.Now().UnixNano()}
	changes := []change{{v.bucket, string(sum[:]), rec.encode()}}
	victims := v.victims(o.holder(), s.o.PerOwner, s.o.MaxIssued)
	for _, victim := range victims {
		changes = append(changes, change{bucket: v.bucket, key: string(victim[:])})
	}
	if err := s.write(changes...); err != nil {
		return secret.Text{}, fmt.Errorf("issue %s: %w", v.kind, err)
	}
	v.put(sum, rec)
	for _, victim := range victims {
		v.remove(victim)
	}
	return token, nil
}

// vault holds the hashes of one kind of issued secret. They need no key: 160 random bits cannot be guessed.
type vault struct {
	bucket, kind string

	mu      sync.RWMutex
	byHash  map[[sha256.Size]byte]*record
	holders map[holder][][sha256.Size]byte
}

// record is what is kept of one issued secret; only used and touched change after it is in a vault.
type record struct {
	owner   TokenOwner
	salt    []byte // of a derived password
	issued  int64  // Unix nanoseconds
	used    atomic.Int64
	touched atomic.Bool // used since the last flush
}

func newVault(bucket, kind string) *vault {
	return &vault{bucket: bucket, kind: kind, byHash: map[[sha256.Size]byte]*record{}, holders: map[holder][][sha256.Size]byte{}}
}

func digest(t secret.Text) (sum [sha256.Size]byte, ok bool) {
	s := t.Reveal()
	if len(s) != issuedChars {
		return sum, false
	}
	var b [issuedChars]byte
	copy(b[:], s)
	return sha256.Sum256(b[:]), true
}

func (v *vault) get(sum [sha256.Size]byte) *record {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.byHash[sum]
}

func (v *vault) lookup(t secret.Text, now func() time.Time) (TokenOwner, bool) {
	sum, ok := digest(t)
	if !ok {
		return TokenOwner{}, false
	}
	rec := v.get(sum)
	if rec == nil {
		return TokenOwner{}, false
	}
	rec.used.Store(now().UnixNano())
	if !rec.touched.Load() {
		rec.touched.Store(true)
	}
	return rec.owner, true
}

func (v *vault) put(sum [sha256.Size]byte, rec *record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := rec.owner.holder()
	v.byHash[sum] = rec
	v.holders[h] = append(v.holders[h], sum)
}

func (v *vault) remove(sum [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	rec := v.byHash[sum]
	if rec == nil {
		return
	}
	delete(v.byHash, sum)
	h := rec.owner.holder()
	left := slices.DeleteFunc(v.holders[h], func(o [sha256.Size]byte) bool { return o == sum })
	if v.holders[h] = left; len(left) == 0 {
		delete(v.holders, h)
	}
}

// victims are those that must go for one more of h to come.
func (v *vault) victims(h holder, perOwner, total int) [][sha256.Size]byte {
	v.mu.RLock()
	defer v.mu.RUnlock()
	mine := slices.Clone(v.holders[h])
	if len(mine) >= perOwner {
		slices.SortFunc(mine, v.older)
		return mine[:len(mine)-perOwner+1]
	}
	if len(v.byHash) < total {
		return nil
	}
	all := make([][sha256.Size]byte, 0, len(v.byHash))
	for sum := range v.byHash {
		all = append(all, sum)
	}
	slices.SortFunc(all, v.older)
	return all[:len(all)-total+1]
}

func (v *vault) older(a, b [sha256.Size]byte) int {
	return cmp.Or(cmp.Compare(v.byHash[a].last(), v.byHash[b].last()), slices.Compare(a[:], b[:]))
}

// last counts the issue as a use, so that a token is not lost on its way to its first one.
func (r *record) last() int64 { return max(r.issued, r.used.Load()) }

// of is a copy of the record with another owner.
func (r *record) of(o TokenOwner) *record {
	c := &record{owner: o, salt: r.salt, issued: r.issued}
	c.used.Store(r.used.Load())
	return c
}

// replace puts other records in the place of those there are.
func (v *vault) replace(records map[[sha256.Size]byte]*record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.Copy(v.byHash, records)
}

func (v *vault) infos() map[[sha256.Size]byte]Issued {
	v.mu.RLock()
	defer v.mu.RUnlock()
	infos := make(map[[sha256.Size]byte]Issued, len(v.byHash))
	for sum, rec := range v.byHash {
		i := Issued{Owner: rec.owner, Kind: v.kind, Fingerprint: hex.EncodeToString(sum[:6]), Issued: time.Unix(0, rec.issued)}
		if used := rec.used.Load(); used != 0 {
			i.LastUsed = time.Unix(0, used)
		}
		infos[sum] = i
	}
	return infos
}

func (v *vault) dirty() []change {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var changes []change
	for sum, rec := range v.byHash {
		if rec.touched.CompareAndSwap(true, false) {
			changes = append(changes, change{v.bucket, string(sum[:]), rec.encode()})
		}
	}
	return changes
}

func (v *vault) redirty(changes []change) {
	for _, c := range changes {
		if c.bucket != v.bucket {
			continue
		}
		if rec := v.get([sha256.Size]byte([]byte(c.key))); rec != nil {
			rec.touched.Store(true)
		}
	}
}

// derived makes the password of o again, if a stored hash confirms it.
func (v *vault) derived(o TokenOwner, master []byte) (secret.Text, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, sum := range v.holders[o.holder()] {
		rec := v.byHash[sum]
		if rec.owner != o {
			continue
		}
		p := secret.New(derive(master, rec.salt, o))
		if again, ok := digest(p); ok && again == sum {
			return p, true
		}
	}
	return secret.Text{}, false
}

func derive(master, salt []byte, o TokenOwner) string {
	sum := keyed(master, string(salt), o.Integration, o.Authenticator, o.Principal, o.Scheme)
	return base64.StdEncoding.EncodeToString(sum[:issuedBytes])
}

// keyed is the HMAC of texts, each after its length, so that no two lists give the same.
func keyed(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

type recordJSON struct {
	Owner  TokenOwner `json:"owner"`
	Salt   []byte     `json:"salt,omitempty"`
	Issued int64      `json:"issued"`
	Used   int64      `json:"used,omitempty"`
}

func (r *record) encode() []byte {
	return mustJSON(recordJSON{r.owner, r.salt, r.issued, r.used.Load()})
}

func (v *vault) load(key string, value []byte) error {
	if len(key) != sha256.Size {
		return errors.New("a hash has the wrong length")
	}
	var j recordJSON
	if err := json.Unmarshal(value, &j); err != nil {
		return err
	}
	rec := &record{owner: j.Owner, salt: j.Salt, issued: j.Issued}
	rec.used.Store(j.Used)
	v.put([sha256.Size]byte([]byte(key)), rec)
	return nil
}

// mustJSON encodes plain structs of texts and numbers, which cannot fail.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
