package redis_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/translate/oauth"
)

// canaries are of each sort that a server must not learn.
func canaries() []string {
	return []string{"ya29-access-token-of-anna", "anna@example.com", "a1b2c3d4-0000-4000-8000-000000000021",
		"nightly-billing", "pass phrase of ben", "refresh-token-of-cora"}
}

func TestAServerSeesNoSecretAndNoName(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		tap := newTap(t, addr)
		o := options(tap.addr)
		o.Key = []byte("the key that the server may not ")
		s := connect(t, o)
		all := strings.Join(canaries(), " ")
		seen := follow(t, s, must(t)(s.End(t.Context())))
		for _, bucket := range []string{"tokens", "passwords", "users", "accounts", "pins", "refresh", "creations", "returns",
			"events"} {
			for _, c := range []store.Change{
				{Key: all, Value: []byte(all), If: store.Absent},
				{Key: all, Value: []byte(all + "2"), If: store.Unchanged, Was: []byte(all)},
				{Key: all, Value: []byte(all + "3"), If: store.Present},
				{Key: all},
				{Key: all, Value: []byte(all)},
			} {
				c.Bucket = bucket
				must(t)(s.Commit(t.Context(), []store.Change{c}))
				<-seen
			}
			if _, _, err := s.Get(t.Context(), bucket, all); err != nil {
				t.Fatal(err)
			}
		}
		lease, err := s.Lease(t.Context(), all, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer lease.Release()
		delta := ledger.Delta{Kind: ledger.Kinds()[0], Name: all, Steps: []ledger.Step{
			{Rule: ledger.Latest, Field: "user", At: 1, Text: all}}}
		batch := ledger.Batch{Number: 1, Deltas: []ledger.Delta{delta}}
		claims := s.Claims()
		claim, err := claims.Claim(t.Context(), oauth.Wanted{Kind: "at", Name: all, Life: time.Minute}, "")
		err = errors.Join(err, s.Ledger(all, false).Merge(t.Context(), batch),
			s.Announce(t.Context(), []byte(all), time.Minute),
			claims.Settle(t.Context(), claim.Turn, oauth.Result{Value: []byte(all), Fingerprint: all, Life: time.Hour}))
		if err != nil {
			t.Fatal(err)
		}
		took := tap.took()
		if !strings.Contains(took, "{test}:tok") {
			t.Fatalf("nothing was seen: %.100q", took)
		}
		for _, canary := range append(canaries(), string(o.Key), base64.StdEncoding.EncodeToString(o.Key)) {
			if strings.Contains(took, canary) || strings.Contains(took, strings.ToUpper(canary)) {
				t.Errorf("the server saw %q", canary)
			}
		}
	})
}

func TestWhoHasNoKeyCannotPlantARecord(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		var mu sync.Mutex
		told := 0
		o := options(addr)
		o.OnError = func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if told++; len(err.Error()) > 1000 {
				t.Errorf("it is told at length: %.100q", err)
			}
		}
		s, raw := connect(t, o), rawClient(t, addr)
		o.Namespace = "other"
		other := connect(t, o)
		for _, on := range []*redis.Server{s, other} {
			must(t)(on.Commit(t.Context(), []store.Change{put("anna", "1"), put("ben", "2")}))
		}
		seen := follow(t, s, must(t)(s.End(t.Context())))
		fields := raw.HKeys(t.Context(), "{test}:tok").Val()
		record := func(key, field string) string { return raw.HGet(t.Context(), key, field).Val() }
		first := record("{test}:tok", fields[0])
		foreign := raw.HKeys(t.Context(), "{other}:tok").Val()
		planted := map[string][3]string{ // hash, field, record
			"moved to another name":        {"{test}:tok", fields[1], first},
			"moved to another bucket":      {"{test}:pwd", fields[0], first},
			"moved from another store":     {"{test}:usr", foreign[0], record("{other}:tok", foreign[0])},
			"with another tag":             {"{test}:tok", fields[0], "+" + strings.Repeat("t", 16) + first[17:]},
			"made up":                      {"{test}:tok", "made up", "+" + strings.Repeat("x", 100)},
			"nothing":                      {"{test}:acc", "none", ""},
			"under a long name":            {"{test}:acc", strings.Repeat("n", 1<<20), "+"},
			"larger than any":              {"{test}:pin", "large", "+" + strings.Repeat("x", 2<<20)},
			"a deletion where records lie": {"{test}:ref", fields[0], "-" + first[1:]},
		}
		entry := []string{}
		for _, p := range planted {
			if err := raw.HSet(t.Context(), p[0], p[1], p[2]).Err(); err != nil {
				t.Fatal(err)
			}
			entry = append(entry, strings.TrimPrefix(p[0], "{test}:")+":"+p[1], p[2])
		}
		args := []any{"XADD", "{test}:feed", "*"}
		for _, text := range append(entry, "no place", first) {
			args = append(args, text)
		}
		if err := raw.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
		must(t)(s.Commit(t.Context(), []store.Change{put("cora", "3")}))
		if got := <-seen; len(got.changes) != 1 || got.changes[0].Key != "cora" {
			t.Errorf("the feed brings %q", got.changes)
		}
		for _, bucket := range []string{"tokens", "passwords", "users", "accounts", "pins", "refresh"} {
			err := s.Load(t.Context(), bucket, func(key string, _ []byte) error {
				if key != "cora" {
					t.Errorf("%s has %q", bucket, key)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		for _, key := range []string{"anna", "ben"} {
			if value, ok, err := s.Get(t.Context(), "tokens", key); ok || err != nil {
				t.Errorf("%s is %q, %v", key, value, err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if want := 2*len(planted) + 2; told != want {
			t.Errorf("it was told of %d times, want %d", told, want)
		}
	})
}

// A server that says anything at all makes the store unreachable, and no more.
func TestAServerThatIsNoneIsUnreachable(t *testing.T) {
	for name, answer := range map[string]string{
		"a size beyond all":     "*9223372036854775807\r\n",
		"lists without end":     strings.Repeat("*1\r\n", 1<<16),
		"another protocol":      "HTTP/1.1 400 Bad Request\r\n\r\n",
		"no answer to this":     "+OK\r\n",
		"a list of wrong sorts": "*2\r\n:1\r\n*1\r\n:2\r\n",
		"an error without end":  "-" + strings.Repeat("x", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer c.Close()
						_, _ = c.Read(make([]byte, 1024)) // whatever it is asked
						_, _ = io.WriteString(c, strings.Repeat(answer, 3))
					}()
				}
			}()
			o := options(l.Addr().String())
			o.Timeout = 200 * time.Millisecond
			s := redis.Open(o)
			defer s.Close()
			err = s.Connect(t.Context())
			if !errors.Is(err, store.ErrUnreachable) && !errors.Is(err, store.ErrEmptied) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// tap passes on what a client and a server say, and keeps it.
type tap struct {
	addr string
	mu   sync.Mutex
	kept bytes.Buffer
}

func newTap(t *testing.T, to string) *tap {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	tap := &tap{addr: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				return
			}
			go tap.pass(client, server)
			go tap.pass(server, client)
		}
	}()
	return tap
}

func (p *tap) pass(from, to net.Conn) {
	defer to.Close()
	_, _ = io.Copy(io.MultiWriter(to, p), from) // it ends with either of them
}

func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.Write(b)
}

func (p *tap) took() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.String()
}
