package redis

import (
	"context"
	"errors"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/store"
)

// commit has KEYS: meta, feed, the hashes; ARGV: id, the end that the feed must have, empty for any, then for each
// change the number of its hash, its condition, its field, the tag that it must have, the record, and when it was
// committed before. All is checked before anything is written. Followers get a large commit in pieces, as Lua passes a
// few thousand arguments at most.
func commit() script {
	return newScript("commit", feedEnd+`
local function tag(at)
	local old = redis.call('HGET', KEYS[2 + ARGV[at]], ARGV[at + 2])
	return old and string.sub(old, 2, 17)
end
if ARGV[2] ~= '' and feed_end(KEYS[2]) ~= ARGV[2] then return redis.error_reply('CONFLICT') end
local skipped = {}
for at = 3, #ARGV, 6 do
	local condition, was, new = ARGV[at + 1], ARGV[at + 3], ARGV[at + 4]
	local old = condition ~= '0' and tag(at)
	local gone = string.sub(new, 1, 1) == '-'
	local done = old and not gone and old == string.sub(new, 2, 17) or not old and gone
	if condition == '3' then
		skipped[at] = not old
	elseif condition == '1' and old and not done or condition == '2' and old ~= was and not done then
		return redis.error_reply('CONFLICT')
	end
end
local mark, told = nil, {}
local function tell()
	if #told > 0 then mark = redis.call('XADD', KEYS[2], 'MAXLEN', '~', 20000, '*', unpack(told)) end
	told = {}
end
for at = 3, #ARGV, 6 do
	if not skipped[at] then
		local hash, field, new = KEYS[2 + ARGV[at]], ARGV[at + 2], ARGV[at + 4]
		local gone = string.sub(new, 1, 1) == '-'
		if gone then redis.call('HDEL', hash, field) else redis.call('HSET', hash, field, new) end
		if ARGV[at + 5] ~= '' then
			told[#told + 1] = 'again'
			told[#told + 1] = ARGV[at + 5]
		end
		told[#told + 1] = string.match(hash, '}:(.*)') .. ':' .. field
		told[#told + 1] = new
		if #told >= 200 then tell() end
	end
end
tell()
return mark or feed_end(KEYS[2])
`)
}

// feedEnd is Lua for a function that gives the last entry of the feed, and makes one where there is none: so every
// place that a follower stands at is an entry, and one that is gone was trimmed, or forgotten by a fail-over.
const feedEnd = `local function feed_end(key)
	local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)
	if last[1] then return last[1][1] end
	return redis.call('XADD', key, '*', 'begun', '')
end
`

// copyWait is how long a commit waits for another server to have it: a fail-over may forget what none has.
const copyWait = 100 * time.Millisecond

// Commit applies all changes or none, however many there are. The feed has one entry for every hundred of them.
func (s *records) Commit(ctx context.Context, changes []store.Change) (store.Mark, error) {
	list := make([]committed, 0, len(changes))
	for _, c := range changes {
		list = append(list, committed{change: c})
	}
	return s.commit(ctx, list, "")
}

// commit commits if the feed ends at a place; "" is any.
func (s *records) commit(ctx context.Context, changes []committed, end string) (at store.Mark, err error) {
	id, err := s.known()
	if err != nil {
		return at, err
	}
	keys, args := s.commitArgs(changes, end)
	limit := s.o.Timeout*time.Duration(1+len(changes)/500) + copyWait
	var answer any
	err = s.do(ctx, "commit", limit, func(ctx context.Context, c goredis.UniversalClient) (err error) {
		if slices.ContainsFunc(changes, lasting) {
			answer, err = s.runCopied(ctx, c, commit(), id, keys, args...)
		} else {
			answer, err = commit().on(ctx, c, &s.link, id, keys, args...)
		}
		return err
	})
	if err != nil {
		return at, err
	}
	if at, err = markOf(answer); err == nil {
		s.mine.add(changes, at)
	}
	return at, err
}

// lasting tells a change that must not be lost. What is changed only where it is there, such as a last use, may be.
func lasting(c committed) bool { return c.change.If != store.Present }

// errNotCopied: no other server had it in time. It stands all the same.
var errNotCopied = errors.New("no other server has it yet")

// runCopied runs a script, and where other servers copy this one, waits until one of them has what it wrote. How that
// ends is observed, and never an error.
func (s *records) runCopied(
	ctx context.Context, c goredis.UniversalClient, sc script, id string, keys []string, args ...any,
) (any, error) {
	s.mu.Lock()
	copied := s.isCopied
	s.mu.Unlock()
	if !copied {
		return sc.on(ctx, c, &s.link, id, keys, args...)
	}
	node := c
	if cluster, ok := c.(*goredis.ClusterClient); ok {
		var err error
		if node, err = cluster.MasterForKey(ctx, keys[0]); err != nil {
			return nil, err
		}
	}
	began, made := time.Now(), s.made(sc)
	allKeys, allArgs := append([]string{s.key("meta")}, keys...), append([]any{id}, args...)
	ran, waited := withWait(ctx, node, made.EvalSha, allKeys, allArgs)
	if goredis.HasErrorPrefix(ran.Err(), "NOSCRIPT") {
		ran, waited = withWait(ctx, node, made.Eval, allKeys, allArgs)
	}
	if goredis.HasErrorPrefix(ran.Err(), "MOVED") { // the cluster's client finds the way
		return sc.on(ctx, c, &s.link, id, keys, args...)
	}
	if ran.Err() == nil {
		n, err := waited.Int()
		if err == nil && n == 0 {
			err = errNotCopied
		}
		s.o.Observe("copy", err, time.Since(began))
	}
	return ran.Result()
}

// withWait sends a script and WAIT over the same connection, for WAIT looks at what came over its own.
func withWait(
	ctx context.Context, node goredis.UniversalClient,
	run func(context.Context, goredis.Scripter, []string, ...any) *goredis.Cmd, keys []string, args []any,
) (ran, waited *goredis.Cmd) {
	pipe := node.Pipeline()
	ran, waited = run(ctx, pipe, keys, args...), pipe.Do(ctx, "WAIT", 1, copyWait.Milliseconds())
	_, _ = pipe.Exec(ctx) // each has its own error
	return ran, waited
}

func (s *records) commitArgs(changes []committed, end string) (keys []string, args []any) {
	keys = []string{s.key("feed")}
	args = []any{end}
	numbers := map[string]int{}
	for _, one := range changes {
		c, before := one.change, ""
		if one.at != (store.Mark{}) {
			before = one.at.String()
		}
		short := shortOf(c.Bucket)
		if numbers[short] == 0 {
			keys = append(keys, s.key(short))
			numbers[short] = len(numbers) + 1
		}
		field, was := s.ring.name("record", short, c.Key), ""
		if c.If == store.Unchanged {
			was = s.ring.tag(c.Was, short, field)
		}
		args = append(args, numbers[short], int(c.If), field, was, s.ring.record(short, field, c.Key, c.Value), before)
	}
	return keys, args
}
