package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store/redis"
)

// explained is an error with a row.
type explained struct{ cause.ID }

func (explained) Error() string               { return "away" }
func (e explained) Row() (cause.ID, []string) { return e.ID, []string{"address", "a:1"} }

func TestWhatIsDoubtfulAboutTheStoreIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	var answer []redis.Finding
	c := storeCheck{
		examine: func(context.Context) []redis.Finding { return answer }, config: "proxy.yaml",
		log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	well := redis.Finding{Check: "server", Found: "Redis 7.0"}
	evicts := redis.Finding{Check: "memory", Row: cause.StoreEvicts, Fill: []string{"detail", "allkeys-lru"}}
	forgets := redis.Finding{Check: "persistence", Row: cause.StoreForgets, Fill: []string{"detail", "appendonly is off"}}
	away := redis.Finding{Check: "server", Row: cause.StoreAway}
	for _, step := range []struct {
		name   string
		answer []redis.Finding
		lines  []cause.ID // that are new
		known  []cause.ID
	}{
		{"all is well", []redis.Finding{well}, nil, nil},
		{"it deletes keys", []redis.Finding{well, evicts}, []cause.ID{cause.StoreEvicts}, []cause.ID{cause.StoreEvicts}},
		{"it still does, and keeps nothing", []redis.Finding{well, evicts, forgets}, []cause.ID{cause.StoreForgets},
			[]cause.ID{cause.StoreEvicts, cause.StoreForgets}},
		{"it cannot be reached, which somebody else tells", []redis.Finding{away}, nil,
			[]cause.ID{cause.StoreEvicts, cause.StoreForgets}},
		{"it was mended", []redis.Finding{well, forgets}, nil, []cause.ID{cause.StoreForgets}},
		{"and the mending was undone", []redis.Finding{well, evicts, forgets}, []cause.ID{cause.StoreEvicts},
			[]cause.ID{cause.StoreEvicts, cause.StoreForgets}},
	} {
		log.Reset()
		answer = step.answer
		c.look(t.Context())
		if n := strings.Count(log.String(), "\n"); n != len(step.lines) {
			t.Errorf("%s: %d lines: %s", step.name, n, &log)
		}
		for _, id := range step.lines {
			if !strings.Contains(log.String(), "cause="+id.String()) || !strings.Contains(log.String(), "next_step=") {
				t.Errorf("%s: nothing says %s: %s", step.name, id, &log)
			}
		}
		var known []cause.ID
		for _, f := range c.known(nil) {
			known = append(known, f.Row)
		}
		if len(known) != len(step.known) || len(known) > 0 && known[0] != step.known[0] {
			t.Errorf("%s: it knows %v", step.name, known)
		}
	}
	if list := c.known(explained{cause.StoreReplica}); len(list) != 3 || list[0].Row != cause.StoreReplica {
		t.Errorf("a server that cannot be used comes first: %+v", list)
	}
	if list := c.known(errors.New("no row")); len(list) != 3 || list[0].Row != cause.StoreUnreachable {
		t.Errorf("%+v", list)
	}
	log.Reset()
	c.lose(errors.New("the first"))
	c.lose(errors.New("the second"))
	for _, look := range []int{1, 1, 0} { // it is told until the look after the next
		n := 0
		for _, f := range c.known(nil) {
			if f.Row == cause.StoreUnreadable {
				n++
			}
		}
		if n != look {
			t.Errorf("records that do not open are told %d times", n)
		}
		c.look(t.Context())
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "the first") || !strings.Contains(lines[1], "the second") {
		t.Errorf("the log has the first one at once, and at the look how many came since:\n%s", &log)
	}
}

func TestRecordsThatDoNotOpenAreALineAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := storeCheck{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 100 {
			c.lose(errors.New("not sealed"))
			time.Sleep(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "1 record ") || !strings.Contains(lines[1], "60 records ") {
			t.Errorf("the log has\n%s", &log)
		}
		for _, line := range lines {
			if !strings.Contains(line, "cause=store_unreadable next_step=") {
				t.Errorf("it says not what to do: %s", line)
			}
		}
	})
}
