package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/store"
)

const (
	feedWait  = 2 * time.Second // for the next entry, before the feed is asked anew
	feedBatch = 100             // entries at most in one answer
)

// End is the end of the feed.
func (s *records) End(ctx context.Context) (store.Mark, error) {
	answer, err := s.run(ctx, end(), []string{s.key("feed")})
	if err != nil {
		return store.Mark{}, err
	}
	return markOf(answer)
}

func end() script { return newScript("end", feedEnd+`return feed_end(KEYS[2])`) }

// Follow reads the feed over a connection of its own. The breaker does not stop it, and it does not open the breaker.
func (s *records) Follow(ctx context.Context, from store.Mark, apply func([]store.Change, store.Mark)) (err error) {
	id, err := s.known()
	if err != nil {
		return err
	}
	reader := s.o.client(1)
	// A question that waits for the next entry ends with its connection.
	stop := context.AfterFunc(ctx, func() { _ = reader.Close() })
	defer func() {
		if stop() {
			err = errors.Join(err, reader.Close())
		}
	}()
	err = s.stillThere(ctx, reader, id, from) // at once, and not after a wait
	for err == nil && ctx.Err() == nil {
		began := time.Now()
		entries, err := s.read(ctx, reader, from)
		if err == nil {
			err = s.stillThere(ctx, reader, id, from)
		}
		s.o.Observe("follow", err, time.Since(began))
		if err != nil {
			return s.endOfFollow(ctx, err)
		}
		if len(entries) == 0 {
			apply(nil, from)
		}
		for _, e := range entries {
			apply(s.changes(e.fields), e.at)
			from = e.at
		}
	}
	return s.endOfFollow(ctx, err)
}

func (s *records) endOfFollow(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errForgot):
		return s.forgot(ctx)
	}
	return err
}

// entry is one of the feed: places and records in turn.
type entry struct {
	at     store.Mark
	fields []string
}

// read waits for what comes after a place of the feed.
func (s *records) read(ctx context.Context, reader goredis.UniversalClient, from store.Mark) ([]entry, error) {
	ctx, cancel := context.WithTimeout(ctx, feedWait+s.o.Timeout)
	defer cancel()
	ask := goredis.NewSliceCmd(ctx, "XREAD", "COUNT", feedBatch, "BLOCK", feedWait.Milliseconds(),
		"STREAMS", s.key("feed"), from.String())
	ask.SetFirstKeyPos(6) // for a cluster
	err := reader.Process(ctx, ask)
	if errors.Is(err, goredis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, s.fault(err)
	}
	return entriesOf(ask.Val())
}

// stillThere tells whether the feed has all that follows a place: what was read after it holds only if this is so
// afterwards. A place that is gone although later ones are there was never in this server: a fail-over forgot it.
func (s *records) stillThere(ctx context.Context, reader goredis.UniversalClient, id string, from store.Mark) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	answer, err := where().on(ctx, reader, &s.link, id, []string{s.key("feed")}, from.String())
	if err = s.fault(err); err != nil {
		return err
	}
	if answer == "here" {
		return nil
	}
	// Later entries are cut off first: this one was never in this server, or is no longer.
	if first, err := markOf(answer); err != nil || first.Before(from) {
		return errForgot
	}
	return store.ErrGap
}

// errForgot: the server does not have the last changes that it told of.
var errForgot = errors.New("the store has lost its last changes")

// where gives "here", or the first entry of a feed that does not have the place.
func where() script {
	return newScript("where", `
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if not first then return '' end
local here = ARGV[2] == '0-0' and first[2][1] == 'begun' or redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2])[1]
return here and 'here' or first[1]
`)
}

// changes are those of an entry. Places that this version cannot read are left out.
func (s *records) changes(fields []string) (list []store.Change) {
	for i := 0; i+1 < len(fields); i += 2 {
		short, field, ok := strings.Cut(fields[i], ":")
		if !ok {
			continue
		}
		c, _, err := s.ring.openRecord(short, field, fields[i+1])
		if err != nil {
			s.o.OnError(err)
			continue
		}
		list = append(list, c)
	}
	return list
}

// entriesOf takes the answer of XREAD apart.
func entriesOf(streams []any) (list []entry, err error) {
	for _, stream := range streams {
		for _, raw := range partsOf(part(stream, 1)) {
			at, err := markOf(part(raw, 0))
			if err != nil {
				return nil, err
			}
			list = append(list, entry{at, texts(part(raw, 1))})
		}
	}
	return list, nil
}

func partsOf(answer any) []any {
	parts, _ := answer.([]any)
	return parts
}

// part is nil where there is none.
func part(answer any, i int) any {
	if parts := partsOf(answer); i < len(parts) {
		return parts[i]
	}
	return nil
}

// texts are the texts of an answer; what else it has is left out.
func texts(answer any) (list []string) {
	for _, p := range partsOf(answer) {
		if text, ok := p.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// markOf reads the id of an entry.
func markOf(answer any) (m store.Mark, err error) {
	text, _ := answer.(string)
	before, after, _ := strings.Cut(text, "-")
	m.Time, err = strconv.ParseUint(before, 10, 64)
	if err == nil {
		m.Number, err = strconv.ParseUint(after, 10, 64)
	}
	if err != nil {
		return store.Mark{}, fmt.Errorf("%w: %.50q is no place in a feed", store.ErrUnreachable, text)
	}
	return m, nil
}
