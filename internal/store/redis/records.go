package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"docusign-auth-proxy/internal/store"
)

// shorts are the keys of the hashes that buckets lie in. A bucket that is not here lies under its own name.
func shorts() [][2]string {
	return [][2]string{
		{"tokens", "tok"}, {"passwords", "pwd"}, {"users", "usr"}, {"accounts", "acc"}, {"pins", "pin"}, {"refresh", "ref"},
		{"creations", "jrn"}, {"returns", "ret"},
	}
}

func shortOf(bucket string) string {
	for _, s := range shorts() {
		if s[0] == bucket {
			return s[1]
		}
	}
	return bucket
}

func bucketOf(short string) string {
	for _, s := range shorts() {
		if s[1] == short {
			return s[0]
		}
	}
	return short
}

// A record lies in the hash of its bucket, under its hidden name: a sort, the tag of its value, and sealed for that
// place its key and value. In the feed a deletion is one too, without a tag and a value.
const (
	recordSort = '+'
	deletion   = '-'
)

// maxRecord bounds what is read of one record, in bytes.
const maxRecord = 1 << 20

func (k *keyring) record(short, field, key string, value []byte) []byte {
	packed := append(binary.AppendUvarint(nil, uint64(len(key))), key...)
	if value == nil {
		return append([]byte{deletion}, k.seal(packed, "gone", short, field)...)
	}
	head := append([]byte{recordSort}, k.tag(value, short, field)...)
	return append(head, k.seal(append(packed, value...), "record", short, field)...)
}

// errRecord: somebody without the key wrote it.
var errRecord = errors.New("the store has a record that was not sealed for its place")

// openRecord gives what was put in a place; the value is nil for a deletion. old: it has to be sealed anew.
func (k *keyring) openRecord(short, field, raw string) (c store.Change, old bool, err error) {
	var packed []byte
	switch {
	case len(raw) > maxRecord:
		err = fmt.Errorf("%d bytes", len(raw))
	case strings.HasPrefix(raw, string(deletion)):
		packed, old, err = k.open([]byte(raw[1:]), "gone", short, field)
	case strings.HasPrefix(raw, string(recordSort)) && len(raw) > 1+tagSize:
		packed, old, err = k.open([]byte(raw[1+tagSize:]), "record", short, field)
	default:
		err = errors.New("no record")
	}
	size, n := binary.Uvarint(packed)
	if err == nil && (n <= 0 || size > uint64(len(packed)-n)) {
		err = errors.New("no key")
	}
	if err != nil {
		return c, false, fmt.Errorf("%w: %s %s: %w", errRecord, short, field, err)
	}
	c = store.Change{Bucket: bucketOf(short), Key: string(packed[n : n+int(size)])}
	if raw[0] == recordSort {
		c.Value = packed[n+int(size):]
	}
	return c, old, nil
}

// commit has KEYS: meta, feed, the hashes; ARGV: id, then for each change the number of its hash, its condition, its
// field, the tag that it must have, and the record. All is checked before anything is written. Followers get a large
// commit in pieces, as Lua passes a few thousand arguments at most.
func commit() *script {
	return newScript("commit", feedEnd+`
local function tag(at)
	local old = redis.call('HGET', KEYS[2 + ARGV[at]], ARGV[at + 2])
	return old and string.sub(old, 2, 17)
end
local skipped = {}
for at = 2, #ARGV, 5 do
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
for at = 2, #ARGV, 5 do
	if not skipped[at] then
		local hash, field, new = KEYS[2 + ARGV[at]], ARGV[at + 2], ARGV[at + 4]
		local gone = string.sub(new, 1, 1) == '-'
		if gone then redis.call('HDEL', hash, field) else redis.call('HSET', hash, field, new) end
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

// Commit applies all changes or none, however many there are. The feed has one entry for every hundred of them.
func (s *Server) Commit(ctx context.Context, changes []store.Change) (store.Mark, error) {
	keys, args := s.commitArgs(changes)
	limit := s.o.Timeout * time.Duration(1+len(changes)/500)
	answer, err := s.runWithin(ctx, limit, commit(), keys, args...)
	if err != nil {
		return store.Mark{}, err
	}
	return markOf(answer)
}

func (s *Server) commitArgs(changes []store.Change) (keys []string, args []any) {
	keys = []string{s.key("feed")}
	numbers := map[string]int{}
	for _, c := range changes {
		short := shortOf(c.Bucket)
		if numbers[short] == 0 {
			keys = append(keys, s.key(short))
			numbers[short] = len(numbers) + 1
		}
		field, was := s.ring.name("record", short, c.Key), ""
		if c.If == store.Unchanged {
			was = s.ring.tag(c.Was, short, field)
		}
		args = append(args, numbers[short], int(c.If), field, was, s.ring.record(short, field, c.Key, c.Value))
	}
	return keys, args
}

// Get reads one record. One that does not open is none.
func (s *Server) Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error) {
	if _, err = s.known(); err != nil {
		return nil, false, err
	}
	short := shortOf(bucket)
	field := s.ring.name("record", short, key)
	answer, err := s.run(ctx, get(), []string{s.key(short)}, field)
	raw, ok := answer.(string)
	if err != nil || !ok {
		return nil, false, err
	}
	c, ok := s.opened(short, field, raw)
	return c.Value, ok, nil
}

// opened opens a record of a hash. One that does not open is told of, and is none.
func (s *Server) opened(short, field, raw string) (store.Change, bool) {
	c, _, err := s.ring.openRecord(short, field, raw)
	if err == nil && c.Value == nil {
		err = fmt.Errorf("%w: a deletion lies in %s", errRecord, short)
	}
	if err != nil {
		s.o.OnError(err)
	}
	return c, err == nil
}

func get() *script { return newScript("get", `return redis.call('HGET', KEYS[2], ARGV[2])`) }

func scan() *script {
	return newScript("load", `return redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', 500)`)
}

// maxPages bounds how long a server may go on with one bucket.
const maxPages = 100_000

// Load reads a bucket in pages. A record that does not open is left out.
func (s *Server) Load(ctx context.Context, bucket string, add func(string, []byte) error) error {
	short, cursor := shortOf(bucket), "0"
	seen := map[string]struct{}{} // a field may come twice
	for range maxPages {
		answer, err := s.run(ctx, scan(), []string{s.key(short)}, cursor)
		if err != nil {
			return err
		}
		fields := texts(part(answer, 1))
		if cursor, _ = part(answer, 0).(string); cursor == "" {
			break
		}
		for i := 0; i+1 < len(fields); i += 2 {
			_, twice := seen[fields[i]]
			c, ok := s.opened(short, fields[i], fields[i+1])
			if twice || !ok {
				continue
			}
			seen[fields[i]] = struct{}{}
			if err := add(c.Key, c.Value); err != nil {
				return err
			}
		}
		if cursor == "0" {
			return nil
		}
	}
	return fmt.Errorf("%w: it does not tell its records as Redis does", store.ErrUnreachable)
}
