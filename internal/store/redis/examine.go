package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/words"
)

// Finding is what Examine found out by one check.
type Finding struct {
	Check string   // server, memory, persistence, store, keys, rights, clock
	Row   cause.ID // what is wrong; 0 = nothing
	Fill  []string // values for the texts of Row
	Found string   // what there is, where nothing is wrong
}

// maxClockOff is how far the clocks of two machines may be apart before anybody is told.
const maxClockOff = 5 * time.Second

// Commands are all that a user of the server must be allowed, besides those of logging in.
func Commands() (names []string) {
	for _, call := range calls() {
		name, _, _ := strings.Cut(call, " ")
		names = append(names, name)
	}
	return names
}

// calls has a complete call of each command, with KEY for a key of the namespace: a server that is asked for the right
// to an incomplete one reads past its end, and Redis 7.0 dies of it.
func calls() []string {
	return strings.Split("eval return 1 KEY,evalsha 0 1 KEY,xread STREAMS KEY 0,wait 0 0,info,time,get KEY,set KEY 1,"+
		"del KEY,exists KEY,expire KEY 1,pexpire KEY 1,hget KEY 1,hset KEY 1 1,hdel KEY 1,hmget KEY 1,hgetall KEY,"+
		"hincrby KEY 1 1,hscan KEY 0,xadd KEY * 1 1,xrange KEY - +,xrevrange KEY + -,zadd KEY 1 1,zcard KEY,"+
		"zrange KEY 0 1,zrangebyscore KEY 0 1,zrem KEY 1,zremrangebyscore KEY 0 1", ",")
}

// Examine looks at the store as a start does, and further. It makes no store where there is none, and one that it finds
// can be used as after Connect. After a fault that keeps everything from working it ends.
func (s *Server) Examine(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTime)
	defer cancel()
	n, err := s.look(ctx)
	if err == nil {
		err = s.found(n)
	}
	if err != nil {
		return []Finding{faulty("server", s.explain(ctx, err))}
	}
	list := []Finding{{Check: "server", Found: n.server()}}
	if n.info["redis_version"] != "" {
		list = append(list, n.memory(), n.persistence())
	}
	store := s.examineStore(n)
	list = append(list, store)
	if s.o.PreviousKey != nil && store.Row == 0 && len(n.meta) > 0 {
		list = append(list, s.examineKeys(ctx, n))
	}
	return append(list, s.tryOut(ctx)...)
}

// examineKeys counts what was sealed with the key before.
func (s *Server) examineKeys(ctx context.Context, n nature) Finding {
	count, err := 0, s.recognise(n)
	if err == nil {
		count, err = s.sealedBefore(ctx, n, func(string, []any) error { return nil })
	}
	switch {
	case err != nil:
		return faulty("keys", err)
	case count > 0:
		records := words.Count(count, "record", "records")
		return Finding{Check: "keys", Row: cause.StoreOldKey, Fill: []string{"count", records}}
	}
	return Finding{Check: "keys", Found: "nothing is sealed with store.previous_key any more: it may go"}
}

// faulty is the finding for an error.
func faulty(check string, err error) Finding {
	f := Finding{Check: check, Row: cause.StoreAway, Fill: []string{"detail", cut(err.Error())}}
	if known, ok := errors.AsType[cause.Explained](err); ok {
		f.Row, f.Fill = known.Row()
	}
	return f
}

func (n nature) server() string {
	version := n.info["redis_version"]
	if version == "" {
		return "it answers; its user may not ask for its version"
	}
	return fmt.Sprintf("Redis %s, primary, copied by %s", cut(version), words.Count(n.copies(), "replica", "replicas"))
}

func (n nature) copies() int {
	copies, _ := strconv.Atoi(n.info["connected_slaves"])
	return copies
}

func (n nature) memory() Finding {
	policy := cmp.Or(n.info["maxmemory_policy"], "unknown")
	if strings.HasPrefix(policy, "allkeys-") {
		return Finding{Check: "memory", Row: cause.StoreEvicts, Fill: []string{"detail", cut(policy)}}
	}
	return Finding{Check: "memory", Found: "maxmemory-policy is " + cut(policy)}
}

func (n nature) persistence() Finding {
	switch {
	case n.info["aof_enabled"] == "1":
		return Finding{Check: "persistence", Found: "appendonly is on"}
	case n.copies() > 0:
		return Finding{Check: "persistence", Found: "appendonly is off, but another server has a copy"}
	}
	return Finding{Check: "persistence", Row: cause.StoreForgets, Fill: []string{"detail", "appendonly is off"}}
}

func (s *Server) examineStore(n nature) Finding {
	if _, unknown := s.known(); len(n.meta) == 0 && unknown != nil {
		return Finding{Check: "store", Found: "there is none yet; the first replica makes it"}
	}
	if err := s.recognise(n); err != nil {
		return faulty("store", err)
	}
	return Finding{Check: "store", Found: "made " + cut(n.meta["made"])}
}

// tryOut does what commits do, at a key of its own, and asks for each right and for the time.
func (s *Server) tryOut(ctx context.Context) []Finding {
	var args []any
	for _, call := range calls() {
		args = append(args, call)
	}
	began := time.Now()
	answer, err := trying().Run(ctx, s.client(), []string{s.key("probe")}, args...).Result()
	took := time.Since(began)
	if err = s.fault(err); err != nil {
		return []Finding{faulty("rights", err)}
	}
	rights := Finding{Check: "rights", Found: fmt.Sprintf("a change and its answer took %.1f ms", took.Seconds()*1000)}
	if lacks := texts(part(answer, 2)); len(lacks) > 0 {
		detail := "run " + strings.ToUpper(strings.Join(lacks, ", "))
		rights = Finding{Check: "rights", Row: cause.StoreRight, Fill: []string{"detail", detail}}
	}
	seconds, _ := part(answer, 0).(string)
	micros, _ := part(answer, 1).(string)
	sec, err := strconv.ParseInt(seconds, 10, 64)
	usec, microErr := strconv.ParseInt(micros, 10, 64)
	if err = errors.Join(err, microErr); err != nil {
		return []Finding{rights, faulty("clock", err)}
	}
	return []Finding{rights, clockFinding(began.Add(took / 2).Sub(time.Unix(sec, usec*1000)))}
}

// trying makes a change and undoes it, and gives the time and the commands that the user may not run.
func trying() *goredis.Script {
	return goredis.NewScript(`
local lacks = {}
for _, call in ipairs(ARGV) do
	local words = {}
	for word in string.gmatch(call, '%S+') do words[#words + 1] = word == 'KEY' and KEYS[1] or word end
	if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(words)) then lacks[#lacks + 1] = words[1] end
end
redis.call('SET', KEYS[1], '1', 'PX', 1000)
redis.call('DEL', KEYS[1])
local now = redis.call('TIME')
return {now[1], now[2], lacks}
`)
}

// clockFinding is about how far this machine's clock is ahead of the server's.
func clockFinding(ahead time.Duration) Finding {
	off := ahead.Abs().Round(100 * time.Millisecond)
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	if off > maxClockOff {
		return Finding{Check: "clock", Row: cause.StoreClock, Fill: []string{"offset", off.String() + " " + way}}
	}
	return Finding{Check: "clock", Found: "this machine's and the server's differ by " + off.String() + " at most"}
}
