package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store"
)

const (
	program    = "docusign-auth-proxy"
	schema     = 1 // of all keys
	oldVersion = 6 // of the server: too old
)

// ErrAccountServer means that the store belongs to another DocuSign environment.
var ErrAccountServer = errors.New("the store belongs to another account server")

// connectTime bounds Connect, which a start waits for.
const connectTime = 5 * time.Second

// Connect finds the store, or makes it where there is none, and remembers which one it is. What it says of a wrong key,
// a foreign or a newer store (ErrKey, ErrAccountServer, store.ErrForeign, store.ErrNewer) does not end by itself. All
// else is store.ErrUnreachable, or store.ErrEmptied and store.ErrReplaced later on, and may be tried again.
func (s *identity) Connect(ctx context.Context) error {
	asked, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	n, err := s.look(asked)
	if _, unknown := s.known(); err == nil && len(n.meta) == 0 && unknown != nil {
		if err = s.found(n); err == nil {
			n, err = s.begin(asked)
		}
	}
	if err == nil {
		err = s.recognise(n)
	}
	if ctx.Err() == nil {
		err = s.explain(ctx, err)
		_ = s.breaker.probed(err) // what was wrong before is told by who asks
	}
	if wrongServer(err) {
		s.renew()
	}
	return err
}

// nature is what a server says of itself.
type nature struct {
	meta map[string]string // empty = the store is
	info map[string]string // of INFO; empty where the user may not ask for it
}

// look asks a server what it is.
func (s *identity) look(ctx context.Context) (n nature, err error) {
	answer, err := looking().Run(ctx, s.client(), []string{s.key("meta")}).Result()
	if err = s.fault(err); err != nil {
		return n, err
	}
	fields := texts(part(answer, 0))
	n.meta, n.info = map[string]string{}, map[string]string{}
	for i := 0; i+1 < len(fields); i += 2 {
		n.meta[fields[i]] = fields[i+1]
	}
	text, _ := part(answer, 1).(string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			n.info[name] = value
		}
	}
	return n, nil
}

// looking asks for all of INFO where a server is too old to give several sections.
func looking() *goredis.Script {
	return goredis.NewScript(`
local info = redis.pcall('INFO', 'server', 'replication', 'memory', 'persistence')
if type(info) == 'table' then info = redis.pcall('INFO') end
if type(info) == 'table' then info = '' end
return {redis.call('HGETALL', KEYS[1]), info}
`)
}

// begin makes a store. Of several replicas that find none, one makes it.
func (s *identity) begin(ctx context.Context) (nature, error) {
	if s.o.LooksOnly {
		return nature{}, fmt.Errorf("%w: no replica has made a store in it, or somebody emptied it", store.ErrEmptied)
	}
	names := make([]byte, keySize)
	_, _ = rand.Read(names) // documented never to fail
	keys := []string{s.key("meta"), s.key("feed"), s.key("restore"), s.key("missed")}
	err := s.fault(makeMeta().Run(ctx, s.client(), keys, s.newMeta(rand.Text(), names)...).Err())
	if err != nil && !errors.Is(err, goredis.Nil) {
		return nature{}, err
	}
	return s.look(ctx)
}

// newMeta is what stands in meta.
func (s *identity) newMeta(id string, names []byte) []any {
	return []any{
		"program", program, "schema", schema, "id", id, "account_server", s.o.AccountServer,
		"names", s.ring.seal(names, "meta", "names"), "made", time.Now().UTC().Format(time.RFC3339),
	}
}

// makeMeta leaves a store alone that is there, that Restore is filling, or that a running replica misses.
func makeMeta() *goredis.Script {
	return goredis.NewScript(`if redis.call('EXISTS', KEYS[1], KEYS[3], KEYS[4]) > 0 then return end
redis.call('HSET', KEYS[1], unpack(ARGV))
redis.call('XADD', KEYS[2], '*', 'begun', '')`)
}

// found tells what is wrong with a server, whatever it holds.
func (s *identity) found(n nature) error {
	wrong := func(row cause.ID, fill ...string) error {
		fill = append([]string{"address", strings.Join(s.o.Addresses, ", ")}, fill...)
		return &Fault{kind: store.ErrUnreachable, row: row, fill: fill}
	}
	version := n.info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	if number, err := strconv.Atoi(major); err == nil && number <= oldVersion {
		return wrong(cause.StoreVersion, "detail", "Redis "+cut(version))
	}
	if n.info["role"] == "slave" && !s.o.Cluster { // a cluster's client finds the primary by itself
		return wrong(cause.StoreReplica)
	}
	return nil
}

// recognise takes a server for the store, the first time; later it has to be the same one.
func (s *identity) recognise(n nature) error {
	if err := s.found(n); err != nil {
		return err
	}
	if err := s.checkMeta(n.meta); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == "" {
		names, _, err := s.ring.openNames([]byte(n.meta["names"]))
		if err != nil {
			return err
		}
		s.ring.names.Store(&names)
	}
	s.id = n.meta["id"]
	s.isCopied = n.copies() > 0
	s.madeAt, _ = time.Parse(time.RFC3339, n.meta["made"]) // only told
	return nil
}

func (s *identity) checkMeta(meta map[string]string) error {
	id, _ := s.known()
	version, err := strconv.Atoi(meta["schema"])
	switch {
	case len(meta) == 0:
		return &Fault{kind: store.ErrEmptied, row: cause.StoreEmptied}
	case meta["program"] != program || err != nil || meta["id"] == "":
		return &Fault{kind: store.ErrForeign, row: cause.StoreForeign, fill: []string{"detail", s.key("meta")}}
	case version > schema:
		return &Fault{kind: store.ErrNewer, row: cause.StoreNewer, fill: []string{"detail", "its schema is " +
			strconv.Itoa(version)}}
	case meta["account_server"] != s.o.AccountServer:
		return &Fault{kind: ErrAccountServer, row: cause.StoreAccountServer, fill: []string{"detail",
			cut(meta["account_server"]) + ", and this configuration has " + s.o.AccountServer}}
	case id != "" && meta["id"] != id:
		return &Fault{kind: store.ErrReplaced, row: cause.StoreReplaced}
	}
	return nil
}
