package sandbox

import "sync"

// store keeps the newest values by key, at most `most` of them. It is safe for several goroutines.
type store[V any] struct {
	mu     sync.Mutex
	most   int
	values map[string]V
	order  []string // keys, oldest first; those of removed values too
}

func newStore[V any](most int) *store[V] { return &store[V]{most: most, values: map[string]V{}} }

func (s *store[V]) put(key string, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.values[key]; !known {
		s.order = append(s.order, key)
	}
	s.values[key] = v
	if len(s.order) > s.most {
		delete(s.values, s.order[0])
		s.order = s.order[1:]
	}
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

// change replaces a value in one step, or keeps it when edit refuses.
func (s *store[V]) change(key string, edit func(v *V) *apiError) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.values[key]
	refused := edit(&v)
	if refused == nil {
		s.values[key] = v
	}
	return refused
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
