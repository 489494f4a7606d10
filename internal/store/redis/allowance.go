package redis

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Rate lets Burst guesses through at once, and then one each Refill.
type Rate struct {
	Burst  int
	Refill time.Duration
}

// Allowance counts guesses over all replicas: translate.Allowance.
type Allowance struct {
	server       *Server
	user, client Rate
	longest      time.Duration
}

// Allowance counts those of a client at one user, and all of a client. Nobody waits for longer than longest.
func (s *Server) Allowance(user, client Rate, longest time.Duration) Allowance {
	return Allowance{s, user, client, longest}
}

// take has KEYS: meta and the two buckets, each the time at which it is full again, in microseconds of the server's
// clock; ARGV: id, refill and burst in microseconds, of both, and the longest wait. Who waits has the place already.
func take() script {
	return newScript("take", `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function full(key) return math.max(tonumber(redis.call('GET', key) or 0), now) end
local function set(key, at) redis.call('SET', key, string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000)) end
local user, client = full(KEYS[2]) + ARGV[2], full(KEYS[3]) + ARGV[4]
local wait = math.max(user - now - ARGV[3], 0)
if wait > tonumber(ARGV[6]) then return {-1, 0} end
set(KEYS[2], user)
if client - now > tonumber(ARGV[5]) then return {wait, 1} end
set(KEYS[3], client)
return {wait, 0}
`)
}

// Take is translate.Allowance's.
func (a Allowance) Take(
	ctx context.Context, client netip.Addr, realm, user string,
) (wait time.Duration, spent bool, err error) {
	answer, err := a.server.run(ctx, take(), a.keys(client, realm, user), a.user.Refill.Microseconds(),
		int64(a.user.Burst)*a.user.Refill.Microseconds(), a.client.Refill.Microseconds(),
		int64(a.client.Burst)*a.client.Refill.Microseconds(), a.longest.Microseconds())
	if err != nil {
		return 0, false, err
	}
	said, _ := answer.([]any)
	if len(said) != 2 {
		return 0, false, errAnswer("take", answer)
	}
	var micros, full int64
	if _, err = fmt.Sscan(fmt.Sprint(said[0], said[1]), &micros, &full); err != nil {
		return 0, false, errAnswer("take", answer)
	}
	return time.Duration(micros) * time.Microsecond, full == 1, nil
}

// give has the keys of take, and ARGV: id and the refill of each bucket in microseconds, 0 where nothing was taken.
func give() script {
	return newScript("give", `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 2, 3 do
	local at = (redis.call('GET', KEYS[i]) or 0) - ARGV[i]
	if at > now then
		redis.call('SET', KEYS[i], string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000))
	else
		redis.call('DEL', KEYS[i])
	end
end
`)
}

// Give is translate.Allowance's.
func (a Allowance) Give(ctx context.Context, client netip.Addr, realm, user string, spent bool) error {
	back := a.client.Refill
	if spent {
		back = 0
	}
	_, err := a.server.run(ctx, give(), a.keys(client, realm, user), a.user.Refill.Microseconds(), back.Microseconds())
	return err
}

func (a Allowance) keys(client netip.Addr, realm, user string) []string {
	s, from := a.server, client.String()
	return []string{s.key("thr", s.ring.name("user", from, realm, user)), s.key("thr", s.ring.name("client", from))}
}
