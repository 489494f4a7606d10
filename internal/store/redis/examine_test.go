package redis_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func TestExamineTellsWhatIsDoubtful(t *testing.T) {
	good := redistest.Start(t, "--appendonly", "yes")
	evicts := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	rights := strings.Join(redis.Commands(), " +")
	limited := redistest.Start(t, strings.Fields("--user proxy on >phrase ~{test}:* resetchannels -@all +"+rights+" "+
		"--user less on >phrase ~{test}:* resetchannels -@all +"+rights+" -zadd -wait "+
		"--user blind on >phrase ~{test}:* resetchannels -@all +"+rights+" -info")...)
	as := func(user string) func(*redis.Options) {
		return func(o *redis.Options) { o.Username, o.Password = user, secret.New("phrase") }
	}
	otherKey := func(o *redis.Options) { o.Key = []byte(strings.Repeat("k", 32)) }
	tests := map[string]struct {
		server *redistest.Server
		change func(*redis.Options)
		rows   map[string]cause.ID // by check
		detail string
	}{
		"all is well":           {good, nil, nil, ""},
		"a key that is not its": {good, otherKey, map[string]cause.ID{"store": cause.StoreKey}, ""},
		"it deletes and forgets": {evicts, nil,
			map[string]cause.ID{"memory": cause.StoreEvicts, "persistence": cause.StoreForgets}, "allkeys-lru"},
		"a user with the rights": {limited, as("proxy"), map[string]cause.ID{"persistence": cause.StoreForgets}, ""},
		"a user with less": {limited, as("less"),
			map[string]cause.ID{"rights": cause.StoreRight, "persistence": cause.StoreForgets}, "run WAIT, ZADD"},
		"a user who may not look": {limited, as("blind"), map[string]cause.ID{"rights": cause.StoreRight}, "run INFO"},
		"a wrong password":        {limited, withUser("proxy"), map[string]cause.ID{"server": cause.StorePassword}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(test.server.Addr)
			if test.server == good {
				connect(t, o)
			}
			if test.change != nil {
				test.change(&o)
			}
			s := redis.Open(o)
			defer s.Close()
			told := ""
			for _, f := range s.Examine(t.Context()) {
				if f.Row != test.rows[f.Check] || (f.Row == 0) == (f.Found == "") {
					t.Errorf("%s: row %v, %q", f.Check, f.Row, f.Found)
				}
				told += f.Row.Means(f.Fill...) + "\n"
			}
			if !strings.Contains(told, test.detail) {
				t.Errorf("it says %s", told)
			}
			if keys := rawClient(t, evicts.Addr).Keys(t.Context(), "*").Val(); len(keys) > 0 {
				t.Errorf("it made %q", keys)
			}
		})
	}
}

// A user is limited to what Commands tells, so each command that a script runs has to be among them.
func TestCommandsAreThoseThatScriptsRun(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.go", "*.lua"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			t.Fatalf("%s: %d files: %v", pattern, len(some), err)
		}
		files = append(files, some...)
	}
	want := []string{"EVAL", "EVALSHA", "WAIT", "XREAD"} // without a script
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`redis\.p?call\('([A-Za-z]+)'`).FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(file, "_test.go") {
				want = append(want, m[1])
			}
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	got := strings.Fields(strings.ToUpper(strings.Join(redis.Commands(), " ")))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("Commands has %q, scripts run %q", got, want)
	}
}

// A server that is asked for the right to a call with too few words reads past its end: Redis 7.0 dies of it.
func TestRightsAreAskedForWithCompleteCalls(t *testing.T) {
	raw := rawClient(t, redistest.Start(t).Addr)
	for _, call := range redis.Calls() {
		words := []any{"COMMAND", "GETKEYS"}
		for word := range strings.FieldsSeq(call) {
			words = append(words, word)
		}
		if slices.Contains([]string{"wait 0 0", "info", "time"}, call) {
			continue // they have no keys
		}
		if keys, err := raw.Do(t.Context(), words...).StringSlice(); err != nil || !slices.Equal(keys, []string{"KEY"}) {
			t.Errorf("%s: %q, %v", call, keys, err)
		}
	}
}
