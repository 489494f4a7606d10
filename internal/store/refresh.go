package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"docusign-auth-proxy/internal/lease"
	"docusign-auth-proxy/internal/secret"
)

// ErrUnreadable is a stored refresh token that the key at hand does not open.
var ErrUnreadable = errors.New("the refresh token cannot be decrypted: its key file was lost or replaced; " +
	"let the user give consent again")

const (
	refreshKey      = "refresh tokens" // purpose
	maxRefreshToken = 16 << 10
	renewTurn       = 10 * time.Second // at one token that is sealed anew
)

// datedMark begins a plain text with the time before the token. No token of earlier files begins so: it could not be
// sent.
const datedMark = "\x00"

// PutRefresh stores a refresh token and the time, in place of the one that had the name: a login. It is durable when
// PutRefresh returns. With Options.MaxRefresh others stored it is ErrFull.
func (s *logins) PutRefresh(name string, token secret.Text) (err error) {
	defer wrap(&err, "store refresh token")
	sealed, err := s.sealRefresh(name, token)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, known := s.refresh.get(name); !known && s.refresh.len() >= s.o.MaxRefresh {
		return ErrFull
	}
	return s.commit(s.refresh.put(name, sealed))
}

// ReplaceRefresh puts a refresh token in place of the one of that version, which FreshRefresh told. It is durable when
// ReplaceRefresh returns. Where another version is stored meanwhile, that one stays, and it is not replaced.
func (s *logins) ReplaceRefresh(
	ctx context.Context, name string, token secret.Text, version string,
) (replaced bool, err error) {
	defer wrap(&err, "replace refresh token")
	sealed, err := s.sealRefresh(name, token)
	if err != nil {
		return false, err
	}
	c := s.refresh.put(name, sealed)
	c.If, c.Was = Unchanged, []byte(version)
	s.writing.Lock()
	err = s.commit(c)
	s.writing.Unlock()
	if !errors.Is(err, ErrConflict) {
		return err == nil, err
	}
	// An earlier try may have written it although its answer did not come.
	kept, _, _, ok, err := s.FreshRefresh(ctx, name)
	return err == nil && ok && kept.Equal(token), err
}

func (s *logins) sealRefresh(name string, token secret.Text) ([]byte, error) {
	if name == "" || token.Empty() || len(name) > maxText || len(token.Reveal()) > maxRefreshToken {
		return nil, ErrSize
	}
	aead, err := s.keys.cipher(refreshKey, true)
	if err != nil {
		return nil, err
	}
	dated := datedMark + s.o.Now().UTC().Format(time.RFC3339) + datedMark + token.Reveal()
	return aead.Seal(nil, nil, []byte(dated), []byte(name)), nil
}

// Refresh returns the refresh token of that name and when it was stored, zero for one of a file that does not say; ok
// is false if there is none, the error ErrUnreadable if its key is gone. It asks memory alone.
func (s *logins) Refresh(name string) (token secret.Text, at time.Time, ok bool, err error) {
	sealed, ok := s.refresh.get(name)
	if !ok {
		return token, at, false, nil
	}
	return s.openRefresh(name, sealed)
}

// FreshRefresh is Refresh, but asks a store that replicas share: what memory has may have been replaced. The version
// is that of the token, for ReplaceRefresh.
func (s *logins) FreshRefresh(
	ctx context.Context, name string,
) (token secret.Text, at time.Time, version string, ok bool, err error) {
	sealed, ok := s.refresh.get(name)
	if s.shared != nil {
		sealed, ok, err = s.shared.Get(ctx, bucketRefresh, name)
		wrap(&err, "read refresh token")
	}
	if err != nil || !ok {
		return token, at, "", false, err
	}
	token, at, ok, err = s.openRefresh(name, sealed)
	return token, at, string(sealed), ok, err
}

func (s *logins) openRefresh(name string, sealed []byte) (token secret.Text, at time.Time, ok bool, err error) {
	aead, err := s.keys.cipher(refreshKey, false)
	if errors.Is(err, fs.ErrNotExist) {
		return token, at, false, ErrUnreadable
	}
	if err != nil {
		return token, at, false, fmt.Errorf("read refresh token: %w", err)
	}
	opened, err := aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return token, at, false, ErrUnreadable
	}
	text := string(opened)
	if dated, ok := strings.CutPrefix(text, datedMark); ok {
		var date string
		date, text, _ = strings.Cut(dated, datedMark)
		at, _ = time.Parse(time.RFC3339, date) // an unreadable date is an unknown one
	}
	return secret.New(text), at, true, nil
}

// renewRefresh seals anew the refresh tokens that the key of before has sealed, which goes some day. It takes the turn
// of each: who exchanges one meanwhile replaces the version that he read. One whose turn another has waits for the next
// time.
func (s *logins) renewRefresh(ctx context.Context) error {
	aead, err := s.keys.cipher(refreshKey, false)
	both, changing := aead.(either)
	if !changing {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // there are none
		}
		return err
	}
	for name, sealed := range s.refresh.all(nil) {
		if _, old := both.renewed(sealed, []byte(name)); !old {
			continue
		}
		if err := s.renewOne(ctx, both, name); err != nil && !errors.Is(err, lease.ErrBusy) {
			return fmt.Errorf("seal a refresh token anew: %w", err)
		}
	}
	return nil
}

func (s *logins) renewOne(ctx context.Context, both either, name string) error {
	turn, err := s.Lease(ctx, lease.OfRefresh(name), renewTurn)
	if err != nil {
		return err
	}
	defer turn.Release()
	sealed, ok, err := s.shared.Get(ctx, bucketRefresh, name)
	fresh, old := both.renewed(sealed, []byte(name))
	if err != nil || !ok || !old {
		return err
	}
	c := s.refresh.put(name, fresh)
	c.If, c.Was = Unchanged, sealed
	s.writing.Lock()
	defer s.writing.Unlock()
	if err = s.commit(c); errors.Is(err, ErrConflict) {
		return nil // a login came meanwhile
	}
	return err
}
