package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"docusign-auth-proxy/internal/store"
)

const (
	mineKept = 24 * time.Hour
	mineMost = 10_000
	// othersTime is how long a replica that noticed a fail-over waits before it reads everything again: the others write
	// again what they committed, and until then its memory knows more.
	othersTime = 2 * time.Second
)

// mine is what this process committed lately, the oldest first: a server that took over from another one may lack it.
type mine struct {
	mu   sync.Mutex
	list []committed
}

type committed struct {
	change store.Change
	at     store.Mark
	when   time.Time
}

func (m *mine) add(changes []committed, at store.Mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, c := range changes {
		if lasting(c) && c.at == (store.Mark{}) { // else it is there already, and as old as it was
			c.at, c.when = at, now
			m.list = append(m.list, c)
		}
	}
	over := max(0, len(m.list)-mineMost)
	for over < len(m.list) && now.Sub(m.list[over].when) > mineKept {
		over++
	}
	clear(m.list[:over]) // they hold values
	m.list = m.list[over:]
}

// latest gives the last change of each place, by its name in the feed.
func (m *mine) latest(name func(store.Change) string) map[string]committed {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]committed{}
	for _, c := range m.list {
		found[name(c.change)] = c
	}
	return found
}

// again writes what this process committed and the server lost, unless something newer is there.
func (s *records) again(ctx context.Context) error {
	const tries = 20 // others write too
	var err error
	for range tries {
		var end store.Mark
		if end, err = s.End(ctx); err != nil {
			return err
		}
		var lost []committed
		if lost, err = s.lost(ctx); err != nil || len(lost) == 0 {
			return err
		}
		if _, err = s.commit(ctx, lost, end.String()); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("write again what was lost: %w", err)
}

// lost are the changes of this process that the feed does not have, though it reaches back so far, and that no later
// one replaced.
func (s *records) lost(ctx context.Context) (list []committed, err error) {
	all := s.mine.latest(func(c store.Change) string {
		short := shortOf(c.Bucket)
		return short + ":" + s.ring.name("record", short, c.Key)
	})
	there, first, err := s.told(ctx)
	if err != nil {
		return nil, err
	}
	for place, c := range all {
		if there[place].Before(c.at) && first.Before(c.at) {
			c.change.If = store.Always
			list = append(list, c)
		}
	}
	return list, nil
}

// told gives the last entry of each place that the feed has, and the feed's first one.
func (s *records) told(ctx context.Context) (last map[string]store.Mark, first store.Mark, err error) {
	last = map[string]store.Mark{}
	from := "-"
	for range maxPages {
		answer, err := s.run(ctx, feedPage(), []string{s.key("feed")}, from, feedBatch)
		if err != nil {
			return nil, first, err
		}
		entries, err := entriesOf([]any{[]any{nil, answer}})
		if err != nil || len(entries) == 0 {
			return last, first, err
		}
		if from == "-" {
			first = entries[0].at
		}
		for _, e := range entries {
			note(last, e)
			from = "(" + e.at.String()
		}
	}
	return nil, first, errEndless
}

// note keeps when the places of an entry were changed: what was written again counts as of its first time.
func note(last map[string]store.Mark, e entry) {
	at := e.at
	for i := 0; i+1 < len(e.fields); i += 2 {
		if e.fields[i] != "again" {
			last[e.fields[i]] = at
			at = e.at
		} else if before, err := markOf(e.fields[i+1]); err == nil {
			at = before
		}
	}
}

// feedPage gives entries with the names of their places alone.
func feedPage() script {
	return newScript("feed_page", `
local list = redis.call('XRANGE', KEYS[2], ARGV[2], '+', 'COUNT', ARGV[3])
for _, entry in ipairs(list) do
	for n = 2, #entry[2], 2 do
		if entry[2][n - 1] ~= 'again' then entry[2][n] = '' end
	end
end
return list
`)
}

// forgot is what a follower does who finds that the server lost what it told of.
func (s *records) forgot(ctx context.Context) error {
	if err := s.again(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(othersTime):
		return store.ErrGap
	}
}
