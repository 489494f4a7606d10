package ledger

import "context"

// Shared is a ledger that replicas fill together. Options.Shared nil = this process keeps its own.
type Shared interface {
	// Merge adds a batch. One whose number it has seen from this replica does nothing, so that it may be repeated.
	Merge(ctx context.Context, number uint64, batch []Delta) error
	// Rows calls f for every row, all batches of all replicas in it.
	Rows(ctx context.Context, f func(Fields) error) error
	// Remove takes rows away, by their key.
	Remove(ctx context.Context, keys []string) error
}

// Delta is what happened in one row since the batch before. Names of numbers are those of the row's fields; which
// operation is theirs must be the same in every version.
type Delta struct {
	Key    string            // of the row; told to nobody
	Name   []byte            // what makes the row, such as its user; told to nobody
	Add    map[string]int64  // summed up
	Min    map[string]int64  // the smallest counts
	Max    map[string]int64  // the largest counts
	Latest []byte            // texts of the last call, told to nobody; those of the latest At count
	At     int64             // Unix nanoseconds
	Push   map[string]string // bits, appended in order of arrival; the last 64 are kept
}

// Fields is a merged row.
type Fields struct {
	Key     string
	Name    []byte
	Numbers map[string]int64
	Latest  []byte
	At      int64
	Bits    map[string]string
}
