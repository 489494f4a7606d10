package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"
)

// prologue makes a script refuse a store that is not the one this process knows: KEYS[1] is meta, ARGV[1] its id.
const prologue = `local id = redis.call('HGET', KEYS[1], 'id')
if not id then return redis.error_reply('EMPTIED') end
if id ~= ARGV[1] then return redis.error_reply('REPLACED') end
`

// script is one that runs with Server.run, which puts KEYS[1] and ARGV[1] before its own. Each has a name of its own.
type script struct{ name, lua string }

// newScript makes a script of Lua that begins after the prologue.
func newScript(name, lua string) script { return script{name, lua} }

// made is the script for the client, which makes a digest of the text: once.
func (s *link) made(sc script) *goredis.Script {
	known, ok := s.scripts.Load(sc.name)
	if !ok {
		known, _ = s.scripts.LoadOrStore(sc.name, goredis.NewScript(prologue+sc.lua))
	}
	return known.(*goredis.Script) //nolint:forcetypeassert // the map has no other
}

// on runs the script with a client.
func (sc script) on(
	ctx context.Context, c goredis.UniversalClient, s *link, id string, keys []string, args ...any,
) (any, error) {
	keys = append([]string{s.key("meta")}, keys...)
	return s.made(sc).Run(ctx, c, keys, append([]any{id}, args...)...).Result()
}

// nextFence is Lua for a function that gives the next fence: greater than all before, and by the server's clock, so
// that it does not fall back after a fail-over that forgot some. Its argument is the key of the last one.
const nextFence = `local function next_fence(key)
	local now = redis.call('TIME')
	local fence = math.max(tonumber(redis.call('GET', key) or 0) + 1, now[1] * 1000000 + now[2])
	fence = string.format('%.0f', fence)
	redis.call('SET', key, fence)
	return fence
end
`
