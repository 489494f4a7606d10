package sandbox

import (
	"maps"
	"sync"
)

// mostKept bounds the values of one store.
const mostKept = 20000

// store keeps the newest values by key. It is safe for several goroutines; the zero value is ready.
type store[V any] struct {
	mu     sync.Mutex
	values map[string]V
	order  []string // keys, oldest first; those of removed values too
}

func (s *store[V]) put(key string, v V) { s.change(key, func(old *V) { *old = v }) }

// change edits a value in one step; where there is none it begins with the zero value.
func (s *store[V]) change(key string, edit func(v *V)) V {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string]V{}
	}
	v, known := s.values[key]
	edit(&v)
	s.values[key] = v
	if !known {
		s.order = append(s.order, key)
	}
	if len(s.order) > mostKept {
		delete(s.values, s.order[0])
		s.order = s.order[1:]
	}
	return v
}

func (s *store[V]) get(key string) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	return v, ok
}

// take removes a value.
func (s *store[V]) take(key string) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	delete(s.values, key)
	return v, ok
}

func (s *store[V]) removeIf(match func(V) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.values, func(_ string, v V) bool { return match(v) })
}

// all lists the values, oldest first.
func (s *store[V]) all() []V {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []V
	for _, key := range s.order {
		if v, ok := s.values[key]; ok {
			list = append(list, v)
		}
	}
	return list
}

// find gets the oldest value that matches.
func (s *store[V]) find(match func(V) bool) (V, bool) {
	for _, v := range s.all() {
		if match(v) {
			return v, true
		}
	}
	var none V
	return none, false
}
