package metrics

import (
	"hash/maphash"
	"sync"
	"time"
)

const pollingInterval = 15 * time.Minute // PROTOCOL.md §11

// pollTable remembers when paths were read, the ones used last; a path is kept as a keyed hash only.
type pollTable struct {
	seed maphash.Seed
	max  int

	mu    sync.Mutex
	index map[pollKey]int32
	reads []pollRead
	// newest and oldest are the ends of the list through reads; -1 = empty.
	newest, oldest int32
}

type pollKey struct {
	integration *integrationSeries
	path        uint64
}

type pollRead struct {
	key          pollKey
	at           int64 // Unix nanoseconds of the last read that the rule allows
	newer, older int32
}

func newPollTable(max int) *pollTable {
	return &pollTable{seed: maphash.MakeSeed(), max: max, index: map[pollKey]int32{}, newest: -1, oldest: -1}
}

// early notes a read and reports whether it came too soon after the last one that was allowed.
func (t *pollTable) early(s *integrationSeries, path string, at time.Time) bool {
	key := pollKey{s, maphash.String(t.seed, path)}
	now := at.UnixNano()
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.index[key]
	if !ok {
		t.add(key, now)
		return false
	}
	t.unlink(i)
	t.push(i)
	r := &t.reads[i]
	if since := now - r.at; since >= int64(pollingInterval) || since < -int64(pollingInterval) {
		r.at = now
		return false
	}
	return true
}

func (t *pollTable) add(key pollKey, at int64) {
	i := int32(len(t.reads))
	if len(t.reads) < t.max {
		t.reads = append(t.reads, pollRead{})
	} else {
		i = t.oldest
		t.unlink(i)
		delete(t.index, t.reads[i].key)
	}
	t.reads[i] = pollRead{key: key, at: at}
	t.index[key] = i
	t.push(i)
}

func (t *pollTable) push(i int32) {
	r := &t.reads[i]
	r.newer, r.older = -1, t.newest
	if t.newest >= 0 {
		t.reads[t.newest].newer = i
	} else {
		t.oldest = i
	}
	t.newest = i
}

func (t *pollTable) unlink(i int32) {
	r := &t.reads[i]
	if r.newer >= 0 {
		t.reads[r.newer].older = r.older
	} else {
		t.newest = r.older
	}
	if r.older >= 0 {
		t.reads[r.older].newer = r.newer
	} else {
		t.oldest = r.newer
	}
}
