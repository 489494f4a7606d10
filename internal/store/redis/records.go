package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"docusign-auth-proxy/internal/store"
)

// shorts are the keys of the hashes that buckets lie in. A bucket that is not here lies under its own name.
func shorts() [][2]string {
	return [][2]string{
		{"tokens", "tok"}, {"passwords", "pwd"}, {"users", "usr"}, {"accounts", "acc"}, {"pins", "pin"}, {"refresh", "ref"},
		{"creations", "jrn"}, {"returns", "ret"}, {"events", "evt"},
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
	tag := k.tag(value, short, field)
	head := append([]byte{recordSort}, tag...)
	return append(head, k.seal(append(packed, value...), "record", short, field, tag)...)
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
		packed, old, err = k.open([]byte(raw[1+tagSize:]), "record", short, field, raw[1:1+tagSize])
	default:
		err = errors.New("no record")
	}
	size, n := binary.Uvarint(packed)
	if err == nil && (n <= 0 || size > uint64(len(packed)-n)) {
		err = errors.New("no key")
	}
	if err != nil {
		return c, false, fmt.Errorf("%w: %s %s: %w", errRecord, cut(short), cut(field), err)
	}
	c = store.Change{Bucket: bucketOf(short), Key: string(packed[n : n+int(size)])}
	if raw[0] == recordSort {
		c.Value = packed[n+int(size):]
	}
	return c, old, nil
}

// Get reads one record. One that does not open is none.
func (s *records) Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error) {
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
func (s *records) opened(short, field, raw string) (store.Change, bool) {
	c, _, err := s.ring.openRecord(short, field, raw)
	if err == nil && c.Value == nil {
		err = fmt.Errorf("%w: a deletion lies in %s", errRecord, short)
	}
	if err != nil {
		s.o.OnError(err)
	}
	return c, err == nil
}

func get() script { return newScript("get", `return redis.call('HGET', KEYS[2], ARGV[2])`) }

func scan() script {
	return newScript("load", `return redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', 500)`)
}

// maxPages bounds how long a server may go on with one bucket, or with the feed.
const maxPages = 100_000

var errEndless = fmt.Errorf("%w: what it tells of its records does not end", store.ErrUnreachable)

// Load reads a bucket in pages. A record that does not open is left out.
func (s *records) Load(ctx context.Context, bucket string, add func(string, []byte) error) error {
	short := shortOf(bucket)
	seen := map[string]struct{}{} // a field may come twice
	return s.pages(ctx, s.key(short), func(fields []string) error {
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
		return nil
	})
}

// pages reads a hash: fields and values in turn.
func (s *records) pages(ctx context.Context, key string, each func(fields []string) error) error {
	cursor := "0"
	for range maxPages {
		answer, err := s.run(ctx, scan(), []string{key}, cursor)
		if err != nil {
			return err
		}
		if err = each(texts(part(answer, 1))); err != nil {
			return err
		}
		if cursor, _ = part(answer, 0).(string); cursor == "0" {
			return nil
		}
		if cursor == "" {
			break
		}
	}
	return errEndless
}
