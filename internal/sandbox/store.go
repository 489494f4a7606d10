package sandbox

import (
	"slices"
	"sync"
)

// store keeps the newest values by key, at most `most` of them. It is safe for several goroutines.
type store[V any] struct {
	mu     sync.Mutex
	most   int
	values map[string]V
	order  []string // keys, oldest first; those of removed values too
}

func newStore[V any](most int) *store[V] { return &store[V]{most: most, values: map[string]V{}} }

func (s *store[V]) put(key string, v V) { s.change(key, func(old *V) { *old = v }) }

// change edits a value in one step; where there is none it begins with the zero value.
func (s *store[V]) change(key string, edit func(v *V)) V {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, known := s.values[key]
	edit(&v)
	s.values[key] = v
	if !known {
		s.order = append(s.order, key)
	}
	if len(s.order) > s.most {
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

// find gets the oldest value that matches.
func (s *store[V]) find(match func(V) bool) (V, bool) {
	all := s.all()
	if i := slices.IndexFunc(all, match); i >= 0 {
		return all[i], true
	}
	var none V
	return none, false
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
	for key, v := range s.values {
		if match(v) {
			delete(s.values, key)
		}
	}
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
