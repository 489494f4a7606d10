package redis

import (
	"context"
	"time"
)

// Announced is what a replica said of itself.
type Announced struct {
	Value []byte
	Ago   time.Duration
}

// Announce tells the others that this replica lives, and value of it, for so long; Withdraw ends it before.
func (s *Server) Announce(ctx context.Context, value []byte, life time.Duration) error {
	id := s.ring.name("replica", s.o.Replica)
	_, err := s.run(ctx, announce(), []string{s.key("rep", id), s.key("rep")}, s.ring.seal(value, "replica", id),
		life.Milliseconds(), id)
	return err
}

// announce keeps the index of those that live no longer than they do.
func announce() script {
	return newScript("announce", `
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[3], string.format('%.0f', now), ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('(%.0f', now - ARGV[3]))
`)
}

// Withdraw tells the others that this replica ends.
func (s *Server) Withdraw(ctx context.Context) error {
	id := s.ring.name("replica", s.o.Replica)
	_, err := s.run(ctx, withdraw(), []string{s.key("rep", id), s.key("rep")}, id)
	return err
}

func withdraw() script {
	return newScript("withdraw", `
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[2])
`)
}

// Replicas gives what those that live have announced.
func (s *Server) Replicas(ctx context.Context) ([]Announced, error) {
	answer, err := s.run(ctx, announced(), []string{s.key("rep")})
	if err != nil {
		return nil, err
	}
	var list []Announced
	for _, one := range partsOf(answer) {
		id, _ := part(one, 0).(string)
		sealed, _ := part(one, 1).(string)
		ago, _ := part(one, 2).(int64)
		value, _, err := s.ring.open([]byte(sealed), "replica", id)
		if err != nil {
			s.o.OnError(err)
			continue
		}
		list = append(list, Announced{value, time.Duration(ago) * time.Millisecond})
	}
	return list, nil
}

func announced() script {
	return newScript("replicas", `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local list, all = {}, redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for n = 1, #all, 2 do
	local value = redis.call('GET', KEYS[2] .. ':' .. all[n])
	if value then list[#list + 1] = {all[n], value, now - tonumber(all[n + 1])} end
end
return list
`)
}
