package admin_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
)

// fleet is the sample, told by one of three replicas.
func fleet() admin.Status {
	s := sample()
	replica := func(name, version, hash string, lag float64) admin.Replica {
		return admin.Replica{
			Name: name, Version: version, ConfigHash: hash, Started: ago(2 * hour), Operations: name + ".example:9090",
			FeedPosition: "1773757500000-0", FeedLagSeconds: lag, HeardSeconds: 4.2,
		}
	}
	s.Replicas = &admin.Replicas{
		Store: "docusign-demo", AsOf: ago(4 * time.Second), ConfigHash: "5c1d0e9a77b30f42", Version: s.Version,
		Counts: ledger.Sharing{AsOf: ago(12 * time.Second), UnknownAsOf: ago(time.Second), Unsent: 7},
		List: []admin.Replica{
			replica("proxy-c", "v1.3.0", "5c1d0e9a77b30f42", 0.4), replica("proxy-b", s.Version, "0000000000000001", 95),
			replica("proxy-a", s.Version, "5c1d0e9a77b30f42", 1.2),
		},
	}
	s.Replicas.List[2].Self = true
	return s
}

func TestReplicasAreCompared(t *testing.T) {
	var b bytes.Buffer
	if err := admin.WriteReport(&b, "json", fleet(), now); err != nil {
		t.Fatal(err)
	}
	var s admin.Status
	if err := json.Unmarshal(b.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"", "configuration, changes come late", "version"} {
		r := s.Replicas.List[n]
		if got := strings.Join(r.Drift(), ", "); got != want || r.Name != "proxy-"+string(rune('a'+n)) {
			t.Errorf("%s: %q, want %q", r.Name, got, want)
		}
	}
	if others := s.Replicas.Others(); len(others) != 2 || len(s.Replicas.List) != 3 {
		t.Errorf("the others are %v", others)
	}
	want := map[string]string{
		"Replicas|1 replica with another configuration than this one: proxy-b": "replicas_differ",
		"Replicas|1 replica of another version than this one: proxy-c":         "replicas_differ",
		"Replica proxy-b|Changes of other replicas come 1 minute late":         "feed_behind",
	}
	for _, a := range s.Attention {
		key := a.Subject + "|" + strings.TrimSuffix(a.Problem, ".")
		if want[key] == a.Cause {
			delete(want, key)
		}
	}
	if len(want) > 0 {
		t.Errorf("nobody is told of %v in %+v", want, s.Attention)
	}
}

func TestReplicasThatAgreeNeedNobody(t *testing.T) {
	s := fleet()
	s.Replicas.List = s.Replicas.List[2:]
	var b bytes.Buffer
	if err := admin.WriteReport(&b, "json", s, now); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"replicas_differ", "feed_behind", "ledger_unsent"} {
		if strings.Contains(b.String(), `"cause": "`+word) {
			t.Errorf("somebody is told of %s", word)
		}
	}
	s.Replicas.Counts.AsOf = ago(hour)
	b.Reset()
	if err := admin.WriteReport(&b, "json", s, now); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"cause": "ledger_unsent"`) {
		t.Error("nobody is told of calls that cannot be sent")
	}
}

func TestEveryFormTellsOfTheReplicas(t *testing.T) {
	for form, want := range map[string][]string{
		"table": {"Counts of all replicas, as of 12 seconds ago", "REPLICA", "proxy-b", "configuration, changes come late"},
		"html":  {"Counts of all replicas", `<h2 id="replicas">Replicas</h2>`, "proxy-b", "changes come late"},
		"csv":   {"replica,version,config_hash,drift", "proxy-b", "configuration changes come late"},
		"json":  {`"ledger_unsent_calls": 7`, `"config_hash": "0000000000000001"`, `"operations": "proxy-b.example:9090"`},
	} {
		var b bytes.Buffer
		if err := admin.WriteReport(&b, form, fleet(), now); err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(b.String(), text) {
				t.Errorf("%s does not tell %q", form, text)
			}
		}
		if form != "csv" {
			continue
		}
		rows, err := csv.NewReader(&b).ReadAll() // which wants as many cells in each
		if err != nil || !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == "replica" && len(r) == 32 }) {
			t.Errorf("%v", err)
		}
	}
}

// unread is the fleet, told by a replica that has never read the store.
func unread() admin.Status {
	s := fleet()
	s.Replicas.Counts.AsOf = time.Time{}
	s.Replicas.Server = []admin.Attention{admin.OfStore(cause.StoreEmptied)}
	archive := admin.Integration{
		Name: "archive", Mode: "translate", State: string(ledger.StateNeverSeen),
		Users: []admin.User{{Username: "ben@example.com"}},
	}
	s.Integrations = append(s.Integrations, archive)
	return s
}

func TestEveryFormAndPageTellsThatTheStoreWasNotRead(t *testing.T) {
	const why = "ot known: the store of all replicas has not been read (The server that was full is empty)"
	told := map[string]string{}
	for _, form := range admin.Formats() {
		var b bytes.Buffer
		if err := admin.WriteReport(&b, form, unread(), now); err != nil {
			t.Fatal(err)
		}
		told[form] = b.String()
	}
	h := admin.NewHandler(config(unread))
	for _, path := range []string{"/", "/users", "/integration/archive", "/api/status"} {
		told[path] = do(t, h, "GET", path).Body.String()
	}
	for where, want := range map[string][]string{
		"table": {why, "Not known", "not known"}, "json": {why, `"state": "not_known"`, `"not_known": `},
		"csv": {why, "integration,archive,", ",not_known,,"}, "html": {why, ">Not known<"},
		"/": {why, ">Not known<"}, "/users": {">Not known<"}, "/api/status": {why, `"can_remove": false`},
		"/integration/archive": {why, "not known, at least 0 successful OAuth calls", `<span class="none">not known</span>`},
	} {
		for _, text := range want {
			if !strings.Contains(told[where], text) {
				t.Errorf("%s does not tell %q", where, text)
			}
		}
		for _, text := range []string{"The proxy can go", "Never seen", "never_seen\"", "No call was seen yet"} {
			if strings.Contains(told[where], text) {
				t.Errorf("%s tells %q", where, text)
			}
		}
	}
}

func TestThePageSaysWhoseCountsItShows(t *testing.T) {
	h := admin.NewHandler(config(fleet))
	for path, want := range map[string][]string{
		"/": {
			"Counts of all replicas, as of", "7 calls of this one not yet in the store", "(this one)", "proxy-b.example:9090",
			"Captures stay in the memory of one replica",
		},
		"/users": {"Counts of all replicas"}, "/unknown": {"Counts of all replicas"},
		"/integration/contracts":                       {"Counts of all replicas"},
		"/integration/contracts/user/mark@example.com": {"Counts of all replicas"},
	} {
		page := do(t, h, "GET", path).Body.String()
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("%s does not say %q", path, text)
			}
		}
	}
	if page := do(t, admin.NewHandler(config(sample)), "GET", "/").Body.String(); strings.Contains(page, "eplica") {
		t.Error("a proxy that has its state alone speaks of replicas")
	}
}
