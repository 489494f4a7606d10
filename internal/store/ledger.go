package store

import "fmt"

const maxLedgerRow = 256 << 10

// LedgerRows calls f for every row of the ledger; what they hold is the ledger's own affair. The slice is f's to keep;
// f must not call the store.
func (s *Store) LedgerRows(f func(key string, row []byte) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.disk.each(bucketLedger, f)
}

// WriteLedger deletes the rows of drop and then puts those of put, all or none; they are durable when it returns.
func (s *Store) WriteLedger(put map[string][]byte, drop []string) error {
	changes := make([]change, 0, len(drop)+len(put))
	for _, key := range drop {
		changes = append(changes, change{bucket: bucketLedger, key: key})
	}
	for key, row := range put {
		if key == "" || len(key) > maxText || len(row) > maxLedgerRow {
			return fmt.Errorf("write ledger: %w", ErrSize)
		}
		changes = append(changes, change{bucketLedger, key, append([]byte{}, row...)})
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.write(changes...)
}
