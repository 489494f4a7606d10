package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/translate/legacy"
)

// Learned maps names to the GUIDs that DocuSign told: e-mails to users (PROTOCOL.md §0.4), numeric ids to accounts.
// It is a cache, so it is written by Flush, and beyond its bound those learned longest ago go.
type Learned struct {
	bucket string
	max    int
	now    func() time.Time

	mu      sync.RWMutex
	m       map[string]fact
	pending map[string]struct{} // keys to put, or to delete if no longer in m
}

type fact struct {
	GUID string `json:"guid"`
	At   int64  `json:"at"` // Unix nanoseconds
}

func newLearned(bucket string, o Options) *Learned {
	return &Learned{bucket: bucket, max: o.MaxLearned, now: o.Now, m: map[string]fact{}, pending: map[string]struct{}{}}
}

// Users maps e-mails to user GUIDs.
func (s *Store) Users() *Learned { return s.users }

// Accounts maps numeric account ids to account GUIDs.
func (s *Store) Accounts() *Learned { return s.accounts }

// The scope keeps apart what only seems the same, such as one e-mail in two accounts or environments.
func factKey(scope, name string) string { return scope + "\x00" + legacy.Fold(name) }

// Learn notes that name means guid now. Names do not differ by case. The error is ErrSize.
func (l *Learned) Learn(scope, name, guid string) error {
	if len(scope)+len(name) > maxText || len(guid) > maxText {
		return fmt.Errorf("learn id: %w", ErrSize)
	}
	key, f := factKey(scope, name), fact{guid, l.now().UnixNano()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.m[key]; !known && len(l.m) >= l.max {
		l.shed()
	}
	l.m[key] = f
	l.pending[key] = struct{}{}
	return nil
}

// Lookup returns the GUID of name and when it was learned. It touches no disk.
func (l *Learned) Lookup(scope, name string) (guid string, at time.Time, ok bool) {
	key := factKey(scope, name)
	l.mu.RLock()
	f, ok := l.m[key]
	l.mu.RUnlock()
	if !ok {
		return "", time.Time{}, false
	}
	return f.GUID, time.Unix(0, f.At), true
}

// Forget drops what was learned of name, as when DocuSign does not know the GUID any more.
func (l *Learned) Forget(scope, name string) {
	key := factKey(scope, name)
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.m[key]; ok {
		delete(l.m, key)
		l.pending[key] = struct{}{}
	}
}

// Len is the number of names known.
func (l *Learned) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.m)
}

// shed drops the oldest sixteenth at once, so that a flood of names does not sort the table for each.
func (l *Learned) shed() {
	keys := make([]string, 0, len(l.m))
	for k := range l.m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(l.m[a].At, l.m[b].At), cmp.Compare(a, b)) })
	for _, k := range keys[:min(len(keys), len(keys)-l.max+1+l.max/16)] {
		delete(l.m, k)
		l.pending[k] = struct{}{}
	}
}

func (l *Learned) take() []change {
	l.mu.Lock()
	defer l.mu.Unlock()
	var changes []change
	for key := range l.pending {
		c := change{bucket: l.bucket, key: key}
		if f, ok := l.m[key]; ok {
			c.value = mustJSON(f)
		}
		changes = append(changes, c)
	}
	clear(l.pending)
	return changes
}

func (l *Learned) untake(changes []change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range changes {
		if c.bucket == l.bucket {
			l.pending[c.key] = struct{}{}
		}
	}
}

func (l *Learned) load(key string, value []byte) error {
	var f fact
	if err := json.Unmarshal(value, &f); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.m[key] = f
	return nil
}

// Each calls f for every name known, in no particular order. f must not call the Learned.
func (l *Learned) Each(f func(scope, name, guid string)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for key, v := range l.m {
		scope, name, _ := strings.Cut(key, "\x00")
		f(scope, name, v.GUID)
	}
}
