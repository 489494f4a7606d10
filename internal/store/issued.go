package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
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

// group is what counts together against the limit: it does not look at what vouched for it.
func (r issued) group() TokenOwner {
	r.Owner.Voucher = ""
	return r.Owner
}

// merged keeps the later use of the two.
func (r issued) merged(came issued) issued {
	came.Used = max(r.Used, came.Used)
	return came
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
func (s *handedOut) Issue(o TokenOwner) (_ secret.Text, err error) {
	defer wrap(&err, "issue token")
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.issue(s.tokens, base64.StdEncoding.EncodeToString(random(issuedBytes)), issued{Owner: o})
}

// Lookup finds the owner of a token, and notes its use. It touches no disk. A store that replicas share is asked for
// what memory does not know; the error is that it is away, a *call.Error.
func (s *handedOut) Lookup(ctx context.Context, token secret.Text) (TokenOwner, bool, error) {
	return s.lookup(ctx, s.tokens, token)
}

// IssuePassword returns the proxy-side password of o (PROTOCOL.md §2.5, §4.8). DocuSign gives every caller the same
// one, so this does too: it is derived from a stored salt with the key file, and only its hash and the salt are kept.
// A new one is made after RevokeWhere, when another voucher is given, or when the key file was lost. The store still
// finds the earlier ones, within the limit; whether their voucher holds is for the caller to judge.
func (s *handedOut) IssuePassword(o TokenOwner) (_ secret.Text, err error) {
	defer wrap(&err, "issue password")
	masters, err := s.keys.all("issued passwords", true)
	if err != nil {
		return secret.Text{}, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	same := func(r issued) bool { return r.Owner == o }
	for key, r := range s.passwords.among(s.passwords.group(issued{Owner: o}), same) {
		for _, master := range masters {
			text := derive(master, r.Salt, o)
			if sum := digest(text); string(sum[:]) == key {
				return secret.New(text), nil
			}
		}
	}
	salt := random(32)
	return s.issue(s.passwords, derive(masters[0], salt, o), issued{Owner: o, Salt: salt})
}

// LookupPassword finds the owner of a proxy-side password, as Lookup does that of a token. The caller must still
// compare the owner with the user name that came with the password.
func (s *handedOut) LookupPassword(ctx context.Context, password secret.Text) (TokenOwner, bool, error) {
	return s.lookup(ctx, s.passwords, password)
}

// Revoke ends a token and reports whether it was live. With an error it is still live.
func (s *handedOut) Revoke(ctx context.Context, token secret.Text) (live bool, err error) {
	defer wrap(&err, "revoke token")
	if _, live, err = s.lookup(ctx, s.tokens, token); !live || err != nil {
		return false, err
	}
	sum := digest(token.Reveal())
	s.writing.Lock()
	defer s.writing.Unlock()
	err = s.commit(s.tokens.drop(string(sum[:])))
	return err == nil, err
}

// RevokeWhere ends the tokens and passwords that match, and returns them. With an error all are still live.
func (s *handedOut) RevokeWhere(match func(Issued) bool) (ended []Issued, err error) {
	defer wrap(&err, "revoke")
	if err := s.catchUp(context.Background()); err != nil {
		return nil, err
	}
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
func (s *handedOut) List() []Issued {
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
func (s *handedOut) Voucher(o TokenOwner, fingerprint [sha256.Size]byte) (string, error) {
	all, err := s.vouchers(o, fingerprint)
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// Vouches reports whether o has the voucher of that fingerprint, made with the key of now or the one of before.
func (s *handedOut) Vouches(o TokenOwner, fingerprint [sha256.Size]byte) (bool, error) {
	all, err := s.vouchers(o, fingerprint)
	return slices.Contains(all, o.Voucher), err
}

func (s *handedOut) vouchers(o TokenOwner, fingerprint [sha256.Size]byte) (all []string, err error) {
	keys, err := s.keys.all("vouchers", true)
	if err != nil {
		return nil, fmt.Errorf("voucher: %w", err)
	}
	for _, key := range keys {
		sum := secret.MAC(key, o.Integration, o.Authenticator, string(fingerprint[:]))
		all = append(all, base64.RawStdEncoding.EncodeToString(sum))
	}
	return all, nil
}

// TakeOver gives a voucher to the records of earlier versions, which have none, and one with the key of now to those
// that have it with the key of before: that of the fingerprint that inForce returns, if there is one. It is durable
// when TakeOver returns. With an error none has changed.
func (s *handedOut) TakeOver(inForce func(TokenOwner) (fingerprint [sha256.Size]byte, ok bool)) (err error) {
	defer wrap(&err, "take over")
	s.writing.Lock()
	defer s.writing.Unlock()
	var changes []Change
	s.eachIssued(func(t *table[issued], key string, r issued, _ Issued) {
		if r.Owner.Voucher != "" && s.keys.before == nil || err != nil {
			return
		}
		fingerprint, ok := inForce(r.Owner)
		if !ok {
			return
		}
		var all []string
		if all, err = s.vouchers(r.Owner, fingerprint); err != nil {
			return
		}
		if r.Owner.Voucher == "" || slices.Contains(all[1:], r.Owner.Voucher) {
			r.Owner.Voucher = all[0]
			c := t.put(key, r)
			c.If = Present // one that is revoked meanwhile must not come back
			changes = append(changes, c)
		}
	})
	if err != nil {
		return err
	}
	return s.commit(changes...)
}

func (s *handedOut) eachIssued(f func(t *table[issued], key string, r issued, i Issued)) {
	for kind, t := range map[string]*table[issued]{"token": s.tokens, "password": s.passwords} {
		for key, r := range t.all(nil) {
			f(t, key, r, r.info(kind, key))
		}
	}
}

func (s *handedOut) lookup(ctx context.Context, t *table[issued], text secret.Text) (o TokenOwner, ok bool, err error) {
	sum, now := digest(text.Reveal()), s.o.Now()
	if s.feed != nil {
		now = now.Truncate(time.Hour) // so that not every replica writes each use
	}
	used := now.UnixNano()
	r, ok := t.update(string(sum[:]), func(r *issued) bool {
		newer := used > r.Used
		r.Used = max(used, r.Used)
		return newer
	})
	switch {
	case ok && s.isFresh(), s.feed == nil, len(text.Reveal()) != issuedChars:
		return r.Owner, ok, nil
	}
	defer wrap(&err, "look up")
	r, ok, err = ask(ctx, s.core, t, string(sum[:]))
	return r.Owner, ok, err
}

// issue is called with writing held, so that two callers cannot pass the limit together.
func (s *handedOut) issue(t *table[issued], text string, r issued) (secret.Text, error) {
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
func (s *handedOut) surplus(t *table[issued], o TokenOwner) []string {
	one := issued{Owner: o}
	same := t.among(t.group(one), func(r issued) bool { return r.group() == one.group() })
	if gone := oldest(same, s.o.PerOwner-1, issued.last); len(gone) > 0 {
		return gone
	}
	if t.len() < s.o.MaxIssued {
		return nil
	}
	return oldest(t.all(nil), s.o.MaxIssued-1, issued.last)
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
	sum := secret.MAC(master, string(salt), o.Integration, o.Authenticator, o.Principal, "")
	return base64.StdEncoding.EncodeToString(sum[:issuedBytes])
}
