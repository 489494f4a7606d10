package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Give adds all that was read from the store to what replicas fill together, in the same order each time, so that it
// may be repeated: batches that to knows do nothing, and are not counted as added. Nobody else may be the source of to.
func (l *Ledger) Give(ctx context.Context, to Shared) (found, added int, err error) {
	known, err := to.Rows(ctx, kindIntegration, 0, func(Fields) error { return nil })
	if err != nil {
		return 0, 0, fmt.Errorf("give ledger: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Delta
	for _, i := range l.integrations {
		all = append(all, l.deltasOf(i)...)
	}
	for _, t := range [...]*table{&l.rows, &l.unknown} {
		for _, r := range t.rows {
			all = append(all, l.deltaOf(t, r))
		}
	}
	slices.SortFunc(all, func(a, b Delta) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	number := uint64(0)
	for batch := range slices.Chunk(all, maxBatch) {
		if number++; number > known.Batch {
			err = to.Merge(ctx, Batch{Number: number, Deltas: batch, Bounds: l.bounds()})
			added += len(batch)
		}
		if err != nil {
			return len(all), added - len(batch), fmt.Errorf("give ledger: %w", err)
		}
	}
	return len(all), added, nil
}

// Take adds what replicas have merged, where nothing is known of it, and writes it to the store. Of mode observe the
// outcome that was foreseen is left out: it is seen anew.
func (l *Ledger) Take(from Shared) (found, added int, err error) {
	merged, err := New(Options{
		Shared: from, Now: l.o.Now, OnError: l.o.OnError, MaxRows: l.rows.max, MaxUnknown: l.unknown.max,
		MaxIntegrations: l.o.MaxIntegrations,
	})
	if err == nil {
		err = merged.Look()
	}
	if err != nil {
		return 0, 0, err
	}
	l.mu.Lock()
	for name := range merged.sharing.sights[kindIntegration].groups {
		i := merged.integrationOf(name)
		if found++; i == nil || l.integrations[name] != nil {
			continue
		}
		i.storeKey = integrationPrefix + name
		l.integrations[name] = i
		l.change(i.storeKey, i)
		added++
	}
	for n, t := range [...]*table{&l.rows, &l.unknown} {
		for r := range merged.rowsOf([...]*table{&merged.rows, &merged.unknown}[n]) {
			if found++; t.rows[r.rowKey] != nil || l.integrations[r.Integration] == nil || len(t.rows) >= t.max {
				continue
			}
			r.storeKey = t.takeKey()
			t.rows[r.rowKey] = r
			l.change(r.storeKey, r)
			added++
		}
	}
	l.mu.Unlock()
	return found, added, l.Flush()
}
