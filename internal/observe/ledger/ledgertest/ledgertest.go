package ledgertest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"

	"docusign-auth-proxy/internal/observe/ledger"
)

const (
	kind  = "k"
	other = "u"
	anna  = "anna@example.com"
)

// Run tests an implementation. Each call of open starts without rows and gives two replicas.
func Run(t *testing.T, open func(t *testing.T) (a, b ledger.Shared)) {
	for name, test := range map[string]func(*testing.T, ledger.Shared, ledger.Shared){
		"what two replicas count is added":                  testTwo,
		"a batch that is sent twice is counted once":        testTwice,
		"every rule merges as Fields.Apply does":            testRules,
		"a reader gets what changed since it read":          testSince,
		"a row without fields is gone":                      testGone,
		"beyond the bound those not changed for longest go": testBounds,
		"ten thousand rows are read":                        testMany,
		"texts are kept as they are":                        testTexts,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			test(t, a, b)
		})
	}
}

func add(name string, n int64) ledger.Delta {
	return ledger.Delta{Kind: kind, Name: name, Steps: []ledger.Step{{Rule: ledger.Sum, Field: "calls ok", Number: n}}}
}

func merge(t *testing.T, s ledger.Shared, number uint64, deltas ...ledger.Delta) {
	t.Helper()
	if err := s.Merge(t.Context(), ledger.Batch{Number: number, Deltas: deltas}); err != nil {
		t.Fatal(err)
	}
}

func rows(t *testing.T, s ledger.Shared, kind string, since uint64) (map[string]ledger.Fields, ledger.Sight) {
	t.Helper()
	list := map[string]ledger.Fields{}
	sight, err := s.Rows(t.Context(), kind, since, func(f ledger.Fields) error {
		list[f.Name] = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, sight
}

func testTwo(t *testing.T, a, b ledger.Shared) {
	merge(t, a, 1, add(anna, 2))
	merge(t, b, 1, add(anna, 3), add("ben@example.com", 1))
	for _, s := range []ledger.Shared{a, b} {
		list, sight := rows(t, s, kind, 0)
		if list[anna].Numbers["calls ok"] != 5 || list["ben@example.com"].Numbers["calls ok"] != 1 || sight.Rows != 2 ||
			sight.Batch != 1 {
			t.Errorf("%v, %+v", list, sight)
		}
	}
	if list, _ := rows(t, a, other, 0); len(list) != 0 {
		t.Errorf("another kind has %v", list)
	}
}

func testTwice(t *testing.T, a, b ledger.Shared) {
	merge(t, a, 1, add(anna, 2))
	merge(t, a, 2, add(anna, 2))
	merge(t, a, 2, add(anna, 2))
	merge(t, a, 1, add(anna, 2))
	merge(t, b, 1, add(anna, 2))
	if list, _ := rows(t, a, kind, 0); list[anna].Numbers["calls ok"] != 6 {
		t.Errorf("%v", list)
	}
}

func testRules(t *testing.T, a, b ledger.Shared) {
	random := rand.New(rand.NewPCG(1, 2))
	fields := []string{"x", "y", "z"}
	want := map[string]*ledger.Fields{}
	for n := range uint64(60) {
		var batch []ledger.Delta
		for range 1 + random.IntN(4) {
			d := ledger.Delta{Kind: kind, Name: fmt.Sprint("user ", random.IntN(4))}
			for range random.IntN(6) {
				d.Steps = append(d.Steps, step(random, fields))
			}
			if want[d.Name] == nil {
				f := ledger.NewFields(d.Name)
				want[d.Name] = &f
			}
			want[d.Name].Apply(d)
			batch = append(batch, d)
		}
		merge(t, []ledger.Shared{a, b}[n%2], n/2+1, batch...)
		list, _ := rows(t, a, kind, 0)
		for name, f := range want {
			if got, ok := list[name]; ok == f.Empty() || ok && !reflect.DeepEqual(got, *f) {
				t.Fatalf("after batch %d %s is\n%+v, want\n%+v", n, name, got, *f)
			}
		}
	}
}

// step makes one of those that the ledger makes: a field has one rule, but for Forget. Times are as long as those of
// today, and close to each other: they must not be compared as floating point.
func step(random *rand.Rand, fields []string) ledger.Step {
	const today = int64(1_790_000_000_000_000_000)
	field, number, at := fields[random.IntN(len(fields))], today+random.Int64N(3), today+random.Int64N(3)
	switch random.IntN(8) {
	case 0:
		return ledger.Step{Rule: ledger.Sum, Field: "sum " + field, Number: random.Int64N(1 << 40)}
	case 1:
		return ledger.Step{Rule: ledger.Least, Field: "least " + field, Number: number}
	case 2:
		return ledger.Step{Rule: ledger.Most, Field: "most " + field, Number: number >> (random.IntN(2) * 8)}
	case 3, 4:
		return ledger.Step{Rule: ledger.Since, Field: "since " + field, Number: number, At: at * random.Int64N(2)}
	case 5:
		return ledger.Step{Rule: ledger.Latest, Field: "text " + field, At: at, Text: fmt.Sprint(random.IntN(1000))}
	case 6:
		return ledger.Step{Rule: ledger.Bits, Field: "bits " + field, Text: fmt.Sprintf("%08b", random.IntN(256))}
	}
	kinds := []string{"sum ", "text ", "since ", "bits "}
	if random.IntN(5) == 0 {
		return ledger.Step{Rule: ledger.Forget}
	}
	return ledger.Step{Rule: ledger.Forget, Field: kinds[random.IntN(len(kinds))] + field}
}

func testSince(t *testing.T, a, b ledger.Shared) {
	merge(t, a, 1, add(anna, 1), add("ben@example.com", 1))
	_, sight := rows(t, a, kind, 0)
	for n := range uint64(3) { // a reader may get some rows again, but not for ever
		merge(t, b, n+1, add("cora@example.com", 1))
	}
	list, next := rows(t, a, kind, sight.Until)
	if list["cora@example.com"].Numbers["calls ok"] != 3 || next.Rows != 3 {
		t.Errorf("%v, %+v", list, next)
	}
	if list, _ = rows(t, a, kind, next.Until); list[anna].Name != "" {
		t.Errorf("got an old row again: %v", list)
	}
}

func testGone(t *testing.T, a, b ledger.Shared) {
	merge(t, a, 1, add(anna, 1), add("ben@example.com", 1))
	forget := ledger.Step{Rule: ledger.Forget}
	merge(t, b, 1, ledger.Delta{Kind: kind, Name: anna, Steps: []ledger.Step{forget}},
		ledger.Delta{Kind: kind, Name: "nobody", Steps: []ledger.Step{forget}})
	list, sight := rows(t, a, kind, 0)
	if _, there := list["ben@example.com"]; len(list) != 1 || !there || sight.Rows != 1 {
		t.Errorf("%v, %+v", list, sight)
	}
}

func testBounds(t *testing.T, a, _ ledger.Shared) {
	for n := range uint64(40) {
		d := add(fmt.Sprint("user ", n), 1)
		bounds := map[string]int{kind: 16, other: 1}
		if err := a.Merge(t.Context(), ledger.Batch{Number: n + 1, Deltas: []ledger.Delta{d}, Bounds: bounds}); err != nil {
			t.Fatal(err)
		}
	}
	list, sight := rows(t, a, kind, 0)
	_, newest := list["user 39"]
	_, oldest := list["user 0"]
	if len(list) > 16 || len(list) < 8 || sight.Rows != len(list) || !newest || oldest {
		t.Errorf("%d rows, %+v", len(list), sight)
	}
}

func testMany(t *testing.T, a, b ledger.Shared) {
	const batches, size = 50, 200
	for n := range batches {
		var batch []ledger.Delta
		for i := range size {
			batch = append(batch, add(fmt.Sprint("user ", n*size+i), int64(i)))
		}
		merge(t, a, uint64(n+1), batch...)
	}
	if list, sight := rows(t, b, kind, 0); len(list) != batches*size || sight.Rows != batches*size {
		t.Errorf("%d rows, %+v", len(list), sight)
	}
}

func testTexts(t *testing.T, a, b ledger.Shared) {
	texts := map[string]string{"a": "", "b": "\x00\xff{}", "c d": anna}
	d := ledger.Delta{Kind: kind, Name: "\x00\xff" + anna}
	for field, text := range texts {
		d.Steps = append(d.Steps, ledger.Step{Rule: ledger.Latest, Field: field, At: 1, Text: text})
	}
	merge(t, a, 1, d)
	if list, _ := rows(t, b, kind, 0); !maps.Equal(list[d.Name].Texts, texts) {
		t.Errorf("%v", list)
	}
}
