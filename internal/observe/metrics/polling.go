package metrics

import (
	"hash/maphash"
	"strings"
	"time"

	"docusign-auth-proxy/internal/cache"
)

const pollingInterval = 15 * time.Minute // PROTOCOL.md §11

// pollTable remembers when paths were read, the ones used last; a path is kept as a keyed hash only.
type pollTable struct {
	seed  maphash.Seed
	reads *cache.Cache[pollKey, time.Time] // the last read that the rule allows
}

type pollKey struct {
	integration string
	path        uint64
}

func newPollTable(entries int) pollTable {
	return pollTable{seed: maphash.MakeSeed(), reads: cache.New[pollKey, time.Time](entries, 0, nil)}
}

// early notes a read and reports whether it came too soon after the last one that was allowed.
func (t *pollTable) early(integration, path string, at time.Time) bool {
	key := pollKey{integration, maphash.String(t.seed, path)}
	if last, ok := t.reads.Get(key); ok && at.Sub(last).Abs() < pollingInterval {
		return true
	}
	t.reads.Put(key, at)
	return false
}

// resourceOf tells a path inside an envelope, which DocuSign's rule is about, from lists, whose pages share a path.
func resourceOf(path string) string {
	if _, rest, found := strings.Cut(path, "/envelopes/"); found && rest != "" {
		return "envelope"
	}
	return other
}
