package store

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
)

// The shape of DocuSign's own: base64 of 20 bytes, for tokens (PROTOCOL.md §3.1) and encrypted passwords (§1.2).
const (
	issuedBytes = 20
	issuedChars = 28
)

// TokenOwner says for whom a token or password was issued.
type TokenOwner = integration.TokenOwner

// Issued is what is known of a live token or password, without the secret.
type Issued struct {
	Owner       TokenOwner
	Kind        string // "token" or "password"
	Fingerprint string // first 12 hex digits of the hash, to tell two apart
	Issued      time.Time
	LastUsed    time.Time // zero if never
}

// issued is the record of a token or password. Its key, the hash of the secret, needs no salt: 160 random bits cannot
// be guessed.
type issued struct {
	Owner  TokenOwner `json:"owner"`
	Salt   []byte     `json:"salt,omitempty"` // of a derived password
	Issued int64      `json:"issued"`         // Unix nanoseconds
	Used   int64      `json:"used,omitempty"` // Unix nanoseconds
}

// last counts the issue as a use, so that a token is not lost on its way to its first one.
func (r issued) last() int64 { return max(r.Issued, r.Used) }

func (r issued) info(kind, key string) Issued {
	i := Issued{Owner: r.Owner, Kind: kind, Fingerprint: hex.EncodeToString([]byte(key[:min(6, len(key))]))}
	i.Issued = time.Unix(0, r.Issued)
	if r.Used != 0 {
		i.LastUsed = time.Unix(0, r.Used)
	}
	return i
}

// Issue makes an opaque token that never expires (PROTOCOL.md §3.6). It is durable when Issue returns. Beyond
// Options.PerOwner live ones of the same integration, authenticator and principal, the least recently used goes.
func (s *Store) Issue(o TokenOwner) (_ secret.Text, err error) {
	defer wrap(&err, "issue token")
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.issue(s.tokens, base64.StdEncoding.EncodeToString(random(issuedBytes)), issued{Owner: o})
}

// Lookup finds the owner of a token, and notes its use. It touches no disk.
func (s *Store) Lookup(token secret.Text) (TokenOwner, bool) { return s.lookup(s.tokens, token) }

// IssuePassword returns the proxy-side password of o (PROTOCOL.md §2.5, §4.8). DocuSign gives every caller the same
// one, so this does too: it is derived from a stored salt with the key file, and only its hash and the salt are kept.
// A new one is made after RevokeWhere, when another voucher is given, or when the key file was lost. The store still
// finds the earlier ones, within the limit; whether their voucher holds is for the caller to judge.
func (s *Store) IssuePassword(o TokenOwner) (_ secret.Text, err error) {
	defer wrap(&err, "issue password")
	master, err := s.keys.key("issued passwords", true)
	if err != nil {
		return secret.Text{}, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	for key, r := range s.passwords.all(func(r issued) bool { return r.Owner == o }) {
		text := derive(master, r.Salt, o)
		if sum := digest(text); string(sum[:]) == key {
			return secret.New(text), nil
		}
	}
	salt := random(32)
	return s.issue(s.passwords, derive(master, salt, o), issued{Owner: o, Salt: salt})
}

// LookupPassword finds the owner of a proxy-side password. It touches no disk. The caller must still compare the owner
// with the user name that came with the password.
func (s *Store) LookupPassword(password secret.Text) (TokenOwner, bool) {
	return s.lookup(s.passwords, password)
}

// Revoke ends a token and reports whether it was live. With an error it is still live.
func (s *Store) Revoke(token secret.Text) (live bool, err error) {
	defer wrap(&err, "revoke token")
	s.writing.Lock()
	defer s.writing.Unlock()
	sum := digest(token.Reveal())
	if _, live = s.tokens.get(string(sum[:])); !live {
		return false, nil
	}
	err = s.commit(s.tokens.drop(string(sum[:])))
	return err == nil, err
}

// RevokeWhere ends the tokens and passwords that match, and returns them. With an error all are still live.
func (s *Store) RevokeWhere(match func(Issued) bool) (ended []Issued, err error) {
	defer wrap(&err, "revoke")
	s.writing.Lock()
	defer s.writing.Unlock()
	var changes []Change
	s.eachIssued(func(t *table[issued], key string, _ issued, i Issued) {
		if match(i) {
			ended, changes = append(ended, i), append(changes, t.drop(key))
		}
	})
	if err := s.commit(changes...); err != nil {
		return nil, err
	}
	slices.SortFunc(ended, latestFirst)
	return ended, nil
}

// List returns the live tokens and passwords, the latest issued first.
func (s *Store) List() []Issued {
	var list []Issued
	s.eachIssued(func(_ *table[issued], _ string, _ issued, i Issued) { list = append(list, i) })
	slices.SortFunc(list, latestFirst)
	return list
}

func latestFirst(a, b Issued) int {
	return cmp.Or(b.Issued.Compare(a.Issued), cmp.Compare(a.Fingerprint, b.Fingerprint))
}

// Voucher is the digest that is kept beside what a password vouched for: of the owner and of the password's
// fingerprint, with the key file, so that a copy of the store alone does not tell whether a guess is right.
func (s *Store) Voucher(o TokenOwner, fingerprint [sha256.Size]byte) (string, error) {
	key, err := s.keys.key("vouchers", true)
	if err != nil {
		return "", fmt.Errorf("voucher: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(keyed(key, o.Integration, o.Authenticator, string(fingerprint[:]))), nil
}

// TakeOver gives a voucher to the records of earlier versions, which have none: the one that voucher returns, unless it
// is empty. It is durable when TakeOver returns. With an error none has changed.
func (s *Store) TakeOver(voucher func(TokenOwner) (string, error)) (err error) {
	defer wrap(&err, "take over")
	s.writing.Lock()
	defer s.writing.Unlock()
	var changes []Change
	s.eachIssued(func(t *table[issued], key string, r issued, _ Issued) {
		if r.Owner.Voucher != "" || err != nil {
			return
		}
		if r.Owner.Voucher, err = voucher(r.Owner); r.Owner.Voucher != "" {
			changes = append(changes, t.put(key, r))
		}
	})
	if err != nil {
		return err
	}
	return s.commit(changes...)
}

func (s *Store) eachIssued(f func(t *table[issued], key string, r issued, i Issued)) {
	for kind, t := range map[string]*table[issued]{"token": s.tokens, "password": s.passwords} {
		for key, r := range t.all(nil) {
			f(t, key, r, r.info(kind, key))
		}
	}
}

func (s *Store) lookup(t *table[issued], text secret.Text) (TokenOwner, bool) {
	sum, now := digest(text.Reveal()), s.o.Now().UnixNano()
	r, ok := t.update(string(sum[:]), func(r issued) issued {
		r.Used = now
		return r
	})
	return r.Owner, ok
}

// issue is called with writing held, so that two callers cannot pass the limit together.
func (s *Store) issue(t *table[issued], text string, r issued) (secret.Text, error) {
	for _, name := range []string{r.Owner.Integration, r.Owner.Authenticator, r.Owner.Principal, r.Owner.Voucher} {
		if len(name) > maxText {
			return secret.Text{}, ErrSize
		}
	}
	sum := digest(text)
	r.Issued = s.o.Now().UnixNano()
	changes := []Change{t.put(string(sum[:]), r)}
	for _, key := range s.surplus(t, r.Owner) {
		changes = append(changes, t.drop(key))
	}
	if err := s.commit(changes...); err != nil {
		return secret.Text{}, err
	}
	return secret.New(text), nil
}

// surplus are those that must go for one more of o to come.
func (s *Store) surplus(t *table[issued], o TokenOwner) []string {
	if gone := oldest(t.all(issuedFor(o)), s.o.PerOwner-1, issued.last); len(gone) > 0 {
		return gone
	}
	if t.len() < s.o.MaxIssued {
		return nil
	}
	return oldest(t.all(nil), s.o.MaxIssued-1, issued.last)
}

// issuedFor matches what counts together against the limit: it does not look at what vouched for it.
func issuedFor(o TokenOwner) func(issued) bool {
	o.Voucher = ""
	return func(r issued) bool {
		r.Owner.Voucher = ""
		return r.Owner == o
	}
}

// digest is the key of an issued secret. What has another length is none, and has a key that no record has.
func digest(text string) (sum [sha256.Size]byte) {
	if len(text) != issuedChars {
		return sum
	}
	var b [issuedChars]byte
	copy(b[:], text)
	return sha256.Sum256(b[:])
}

// derive keeps an empty part where earlier versions had the scheme, so that their passwords stay.
func derive(master, salt []byte, o TokenOwner) string {
	sum := keyed(master, string(salt), o.Integration, o.Authenticator, o.Principal, "")
	return base64.StdEncoding.EncodeToString(sum[:issuedBytes])
}

// keyed is the HMAC of texts, each after its length, so that no two lists give the same.
func keyed(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}
