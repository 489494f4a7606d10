// Package ledgertest is the contract of ledger.Shared, as tests that every implementation passes, and one in memory.
// It must never look at how rows are kept. The tests of the ledger, of the stores and of internal/app call it.
package ledgertest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"docusign-auth-proxy/internal/observe/ledger"
)

// Memory is a ledger that the replicas of one process share.
type Memory struct {
	mu    sync.Mutex
	rows  map[string]map[string]*kept // by kind and name
	seen  map[string]uint64           // last batch of each replica
	clock uint64
}

type kept struct {
	ledger.Fields
	changed uint64
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{rows: map[string]map[string]*kept{}, seen: map[string]uint64{}}
}

// Replica is what one replica has of it.
func (m *Memory) Replica(name string) ledger.Shared { return &replica{m, name} }

type replica struct {
	m    *Memory
	name string
}

func (r *replica) Merge(_ context.Context, b ledger.Batch) error {
	m := r.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Number <= m.seen[r.name] {
		return nil
	}
	m.seen[r.name] = b.Number
	for _, d := range b.Deltas {
		m.merge(d, b.Bounds[d.Kind])
	}
	return nil
}

func (m *Memory) merge(d ledger.Delta, bound int) {
	m.clock++
	rows := m.rows[d.Kind]
	if rows == nil {
		rows = map[string]*kept{}
		m.rows[d.Kind] = rows
	}
	k := rows[d.Name]
	if k == nil {
		k = &kept{Fields: ledger.NewFields(d.Name)}
		rows[d.Name] = k
	}
	k.Apply(d)
	k.changed = m.clock
	if k.Empty() {
		delete(rows, d.Name)
	}
	for bound > 0 && len(rows) > bound {
		oldest := slices.MinFunc(slices.Collect(maps.Values(rows)),
			func(a, b *kept) int { return cmp.Compare(a.changed, b.changed) })
		delete(rows, oldest.Name)
	}
}

func (r *replica) Rows(
	_ context.Context, kind string, since uint64, f func(ledger.Fields) error,
) (ledger.Sight, error) {
	m := r.m
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.rows[kind] {
		if k.changed < since {
			continue
		}
		copied := ledger.NewFields(k.Name)
		maps.Copy(copied.Numbers, k.Numbers)
		maps.Copy(copied.Texts, k.Texts)
		maps.Copy(copied.Bits, k.Bits)
		if err := f(copied); err != nil {
			return ledger.Sight{}, err
		}
	}
	return ledger.Sight{Until: m.clock, Batch: m.seen[r.name], Rows: len(m.rows[kind])}, nil
}
