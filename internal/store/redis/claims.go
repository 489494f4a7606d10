package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/oauth"
)

const (
	// claimLease is longer than any fetch.
	claimLease = 35 * time.Second
	// A value may be refused so often, so that a site that answers 401 to everything does not become a grant for each.
	refusalBurst = 5
	refusalEvery = 30 * time.Second
	// claimKept is how long a place remembers its refusals and its last fence at least.
	claimKept = refusalBurst * refusalEvery
)

// Claims is what replicas fetch once for all: access tokens, UserInfo, look-ups. A turn whose answer was lost on its
// way is given again to the owner, who asks for one turn at a time of each value.
type Claims struct {
	server *Server
	owner  string
}

var _ oauth.Shared = Claims{}

// Claims gives what oauth.Config.Shared wants, to one oauth.Client.
func (s *Server) Claims() Claims { return Claims{s, rand.Text()} }

// claimed is where a value lies, and what its seal is bound to.
type claimed struct{ kind, id string }

func (c Claims) place(w oauth.Wanted) claimed {
	return claimed{w.Kind, c.server.ring.name("claim", w.Kind, w.Name)}
}

// keys are those of both scripts: the value, the failure, the lease, the last fence, and that of the last Forget.
func (c Claims) keys(p claimed) []string {
	s := c.server
	return []string{
		s.key("val", p.kind, p.id), s.key("val", "no", p.kind, p.id), s.key("lease", p.kind, p.id), s.key("fence"),
		s.key("forgot"),
	}
}

// claim has ARGV: id, the fingerprint of the value that was refused, the life wanted, and in milliseconds that of a
// lease, the pause between refusals, all refusals of a burst, and how long they are remembered; last the owner. Ends
// are kept beside the values, in microseconds of the server's clock: a key may outlive its time on a slow server.
func claim() script {
	return newScript("claim", nextFence+`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[2], 'v', 'x', 'h', 'n')
local value, left = kept[1], tonumber(kept[2] or 0) - now
if value and left > 0 then
	local answer = {'value', value, string.format('%.0f', left)}
	if ARGV[2] == '' or ARGV[2] ~= kept[3] then
		if left >= ARGV[3] * 1000 then return answer end
	else
		local next = math.max(tonumber(kept[4] or 0), now) + ARGV[5] * 1000
		if next - now > ARGV[6] * 1000 then return answer end
		redis.call('HDEL', KEYS[2], 'v', 'x', 'h')
		redis.call('HSET', KEYS[2], 'n', string.format('%.0f', next))
		redis.call('PEXPIRE', KEYS[2], ARGV[7])
	end
end
kept = redis.call('HMGET', KEYS[3], 'v', 'x', 'f')
left = tonumber(kept[2] or 0) - now
if kept[1] and left > 0 and tonumber(kept[3]) > tonumber(redis.call('GET', KEYS[6]) or 0) then
	return {'failure', kept[1], string.format('%.0f', left)}
end
local lease = redis.call('GET', KEYS[4])
local owner, ends = string.match(lease or '', '^(.-):.*:(.*)$')
left = tonumber(ends or 0) - now
if left > 0 and owner ~= ARGV[8] then return {'busy', '', string.format('%.0f', left)} end
local fence = next_fence(KEYS[5])
ends = string.format('%.0f', now + ARGV[4] * 1000)
redis.call('SET', KEYS[4], ARGV[8] .. ':' .. fence .. ':' .. ends, 'PX', ARGV[4])
return {'turn', fence, '0'}
`)
}

// Claim is oauth.Shared's.
func (c Claims) Claim(ctx context.Context, w oauth.Wanted, refused string) (oauth.Claim, error) {
	p := c.place(w)
	answer, err := c.server.run(ctx, claim(), c.keys(p), c.fingerprint(p, refused), w.Life.Milliseconds(),
		claimLease.Milliseconds(), refusalEvery.Milliseconds(), (refusalBurst * refusalEvery).Milliseconds(),
		claimKept.Milliseconds(), c.owner)
	if err != nil {
		return oauth.Claim{}, err
	}
	said, ok := answer.([]any)
	if !ok || len(said) != 3 {
		return oauth.Claim{}, errAnswer("claim", answer)
	}
	var kind, value string
	var left int64
	if _, err = fmt.Sscan(fmt.Sprint(said[2]), &left); err == nil {
		kind, value = fmt.Sprint(said[0]), fmt.Sprint(said[1])
	}
	return c.read(p, w, kind, value, time.Duration(left)*time.Microsecond)
}

func (c Claims) read(p claimed, w oauth.Wanted, kind, value string, left time.Duration) (oauth.Claim, error) {
	switch kind {
	case "value":
		opened, _, err := c.server.ring.open([]byte(value), "val", p.kind, p.id)
		fingerprint, text, _ := strings.Cut(string(opened), "\x00")
		return oauth.Claim{Value: []byte(text), Fingerprint: fingerprint, Life: left}, err
	case "failure":
		opened, _, err := c.server.ring.open([]byte(value), "no", p.kind, p.id)
		return oauth.Claim{Failure: opened, Pause: left}, err
	case "busy":
		return oauth.Claim{Busy: left}, nil
	case "turn":
		var fence uint64
		if _, err := fmt.Sscan(value, &fence); err != nil || fence == 0 {
			break
		}
		return oauth.Claim{Turn: oauth.Turn{Wanted: w, Fence: fence}}, nil
	}
	return oauth.Claim{}, errAnswer("claim", kind+" "+value)
}

func (c Claims) fingerprint(p claimed, text string) string {
	if text == "" {
		return ""
	}
	return c.server.ring.name("fingerprint", p.kind, p.id, text)
}

func errAnswer(script string, answer any) error {
	return fmt.Errorf("%w: it answers %s with %.50q", store.ErrUnreachable, script, fmt.Sprint(answer))
}

// settle has ARGV: id, the fence, the value (” = none), its fingerprint, its life, the failure (” = none) and its
// pause in milliseconds, and how long the place is remembered at least. A failure counts only while its turn lasts.
func settle() script {
	return newScript("settle", `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local fence = tonumber(ARGV[2])
local lease = redis.call('GET', KEYS[4])
local ours = lease and tonumber(string.match(lease, ':(.*):')) == fence
if ours then redis.call('DEL', KEYS[4]) end
if tonumber(redis.call('HGET', KEYS[2], 'f') or 0) > fence then return 'stale' end
if ARGV[3] ~= '' then
	redis.call('HSET', KEYS[2], 'v', ARGV[3], 'h', ARGV[4], 'x', string.format('%.0f', now + ARGV[5] * 1000), 'f', ARGV[2])
	redis.call('PEXPIRE', KEYS[2], math.max(tonumber(ARGV[5]), tonumber(ARGV[8])))
	redis.call('DEL', KEYS[3])
elseif ours and ARGV[6] ~= '' then
	redis.call('HSET', KEYS[3], 'v', ARGV[6], 'x', string.format('%.0f', now + ARGV[7] * 1000), 'f', ARGV[2])
	redis.call('PEXPIRE', KEYS[3], ARGV[7])
end
return 'settled'
`)
}

// Settle is oauth.Shared's.
func (c Claims) Settle(ctx context.Context, t oauth.Turn, r oauth.Result) error {
	p, ring := c.place(t.Wanted), c.server.ring
	var value, failure []byte
	switch {
	case r.Value != nil && r.Life.Milliseconds() > 0:
		value = ring.seal(append([]byte(r.Fingerprint+"\x00"), r.Value...), "val", p.kind, p.id)
	case r.Failure != nil && r.Pause.Milliseconds() > 0:
		failure = ring.seal(r.Failure, "no", p.kind, p.id)
	}
	answer, err := c.server.run(ctx, settle(), c.keys(p), t.Fence, value, c.fingerprint(p, r.Fingerprint),
		r.Life.Milliseconds(), failure, r.Pause.Milliseconds(), claimKept.Milliseconds())
	switch {
	case err != nil:
		return err
	case answer == "stale":
		return oauth.ErrStale
	}
	return nil
}

func forget() script {
	return newScript("forget", nextFence+`redis.call('SET', KEYS[3], next_fence(KEYS[2]))`)
}

// Forget is oauth.Shared's.
func (c Claims) Forget(ctx context.Context) error {
	_, err := c.server.run(ctx, forget(), []string{c.server.key("fence"), c.server.key("forgot")})
	return err
}
