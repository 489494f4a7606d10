package metrics

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const pollingInterval = 15 * time.Minute // PROTOCOL.md §11

// pollTable remembers when paths were read, the ones used last; a path is kept as a keyed hash only.
type pollTable struct {
	seed maphash.Seed

	mu    sync.Mutex
	reads *simplelru.LRU[pollKey, time.Time] // the last read that the rule allows
}

type pollKey struct {
	integration string
	path        uint64
}

func newPollTable(entries int) (*pollTable, error) {
	reads, err := simplelru.NewLRU[pollKey, time.Time](entries, nil)
	return &pollTable{seed: maphash.MakeSeed(), reads: reads}, err
}

// early notes a read and reports whether it came too soon after the last one that was allowed.
func (t *pollTable) early(integration, path string, at time.Time) bool {
	key := pollKey{integration, maphash.String(t.seed, path)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.reads.Get(key); ok && at.Sub(last).Abs() < pollingInterval {
		return true
	}
	t.reads.Add(key, at)
	return false
}

// resourceOf tells a path inside an envelope, which DocuSign's rule is about, from lists, whose pages share a path.
func resourceOf(path string) string {
	if _, rest, found := strings.Cut(path, "/envelopes/"); found && rest != "" {
		return "envelope"
	}
	return other
}
