package store

import (
	"fmt"
	"strings"

	"docusign-auth-proxy/translate/legacy"
)

// Learned maps names to the GUIDs that DocuSign told: e-mails to users (PROTOCOL.md §0.4), numeric ids to accounts.
// It is a cache, so it is written by Flush, and beyond its bound those learned longest ago go.
type Learned struct {
	core  *core
	facts *table[fact]
}

type fact struct {
	GUID string `json:"guid"`
	At   int64  `json:"at"` // Unix nanoseconds
}

// later is the fact that was learnt later.
func later(known, came fact) fact {
	if known.At > came.At {
		return known
	}
	return came
}

// Users maps e-mails to user GUIDs.
func (s *Store) Users() *Learned { return s.users }

// Accounts maps numeric account ids to account GUIDs.
func (s *Store) Accounts() *Learned { return s.accounts }

// Learn notes that name means guid now. Names do not differ by case; the scope keeps apart what only seems the same,
// such as one e-mail in two accounts or environments. The error is ErrSize.
func (l *Learned) Learn(scope, name, guid string) error {
	if len(scope)+len(name) > maxText || len(guid) > maxText {
		return fmt.Errorf("learn id: %w", ErrSize)
	}
	f := fact{guid, l.core.o.Now().UnixNano()}
	l.facts.set(scope+"\x00"+legacy.Fold(name), f, l.core.o.MaxLearned, func(f fact) int64 { return f.At })
	return nil
}

// Each calls f for every name known, in no particular order.
func (l *Learned) Each(f func(scope, name, guid string)) {
	for key, v := range l.facts.all(nil) {
		scope, name, _ := strings.Cut(key, "\x00")
		f(scope, name, v.GUID)
	}
}
