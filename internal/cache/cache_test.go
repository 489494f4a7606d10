package cache_test

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/cache"
)

func keys[V any](c *cache.Cache[int, V]) []int {
	return slices.Sorted(maps.Keys(maps.Collect(c.All())))
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	c := cache.New[int, string](3, 0, nil)
	for i := range 3 {
		c.Put(i, "v")
	}
	c.Get(0)
	c.GetOrAdd(1, func(int) string { t.Error("made twice"); return "" })
	c.Put(3, "v")
	if got := keys(c); !slices.Equal(got, []int{0, 1, 3}) || c.Len() != 3 {
		t.Errorf("left are %v", got)
	}
}

func TestBusyEntriesGoLast(t *testing.T) {
	c := cache.New[int, bool](2, 0, nil).Spare(func(busy bool) bool { return busy })
	c.Put(1, true)
	c.Put(2, false)
	c.Put(3, true)
	c.Put(4, false) // all others are busy: the oldest of them goes
	if got := keys(c); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("left are %v", got)
	}
}

func TestALifeEndsAndBeginsAnewWithAPut(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := cache.New[int, string](10, time.Minute, func() time.Time { return now })
	c.Put(1, "old")
	c.Put(2, "old")
	now = now.Add(time.Minute - 1)
	if v, ok := c.Get(1); !ok || v != "old" {
		t.Error("gone before its end")
	}
	c.Put(1, "new")
	now = now.Add(time.Second)
	if _, ok := c.Get(2); ok {
		t.Error("alive after its end: a use does not lengthen it")
	}
	if got := keys(c); !slices.Equal(got, []int{1}) {
		t.Errorf("left are %v", got)
	}
	now = now.Add(time.Hour)
	if v := c.GetOrAdd(1, func(int) string { return "made" }); v != "made" {
		t.Errorf("%q", v)
	}
}

func TestWhatIsDroppedIsGone(t *testing.T) {
	c := cache.New[int, string](10, 0, nil)
	for i := range 6 {
		c.Put(i, "v")
	}
	c.Drop(func(k int) bool { return k%2 == 0 })
	if got := keys(c); !slices.Equal(got, []int{1, 3, 5}) || c.Len() != 3 {
		t.Errorf("left are %v", got)
	}
}

func TestManyUsersAtOnce(t *testing.T) {
	c := cache.New[int, *int](50, 0, nil)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				k := (i*7 + g) % 80
				if v := c.GetOrAdd(k, func(k int) *int { return &k }); *v != k {
					t.Errorf("key %d holds %d", k, *v)
				}
			}
		})
	}
	wg.Wait()
	if c.Len() > 50 || len(keys(c)) != c.Len() {
		t.Errorf("%d entries", c.Len())
	}
}

func TestGetDoesNotAllocate(t *testing.T) {
	c := cache.New[string, int](5, time.Minute, time.Now)
	c.Put("a", 1)
	if n := testing.AllocsPerRun(100, func() { c.Get("a") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
