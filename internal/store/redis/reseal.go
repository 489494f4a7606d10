package redis

import (
	"context"
	"errors"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
)

const (
	resealEvery = time.Hour
	resealTurn  = 5 * time.Minute // the longest that sealing all anew takes
)

// Reseal seals anew what was sealed with the key before: the secret of the names, the records of the buckets that this
// version knows, and the ledger. Values that replicas share for hours end by themselves. It returns how many records
// there were; store.ErrBusy: another replica does it.
func (s *Server) Reseal(ctx context.Context) (count int, err error) {
	lease, err := s.Lease(ctx, "reseal", resealTurn)
	if err != nil {
		return 0, err
	}
	defer lease.Release()
	n, err := s.look(ctx)
	if err != nil {
		return 0, err
	}
	sealed := n.meta["names"]
	names, old, err := s.ring.openNames([]byte(sealed))
	if err == nil && old {
		err = s.replace(ctx, s.key("meta"), "names", sealed, s.ring.seal(names, "meta", "names"))
	}
	if err != nil {
		return 0, err
	}
	count, err = s.sealedBefore(ctx, func(key string, old []any) error { return s.replace(ctx, key, old...) })
	for _, kind := range ledger.Kinds() { // a row is sealed anew when it is read
		_, rowErr := s.Ledger(s.o.Replica, false).Rows(ctx, kind, 0, func(ledger.Fields) error { return nil })
		err = errors.Join(err, rowErr)
	}
	return count, err
}

// sealedBefore counts the records that were sealed with the key before, and gives a page of them: field, record, and
// the same sealed anew, in turn.
func (s *Server) sealedBefore(ctx context.Context, found func(key string, old []any) error) (count int, err error) {
	for _, short := range shorts() {
		key := s.key(short[1])
		err := s.pages(ctx, key, func(fields []string) error {
			var renewed []any
			for i := 0; i+1 < len(fields); i += 2 {
				c, old, err := s.ring.openRecord(short[1], fields[i], fields[i+1])
				if err == nil && old && c.Value != nil {
					renewed = append(renewed, fields[i], fields[i+1], s.ring.record(short[1], fields[i], c.Key, c.Value))
				}
			}
			count += len(renewed) / 3
			if len(renewed) == 0 {
				return nil
			}
			return found(key, renewed)
		})
		if err != nil {
			return count, err
		}
	}
	return count, nil
}

// replace puts what was sealed anew, where nobody has written meanwhile.
func (s *Server) replace(ctx context.Context, key string, old ...any) error {
	_, err := s.run(ctx, renewLedger(), []string{key}, old...)
	return err
}

// resealBy is what Watch does while there is a key before.
func (s *Server) resealBy(ctx context.Context, next time.Time) time.Time {
	if s.o.PreviousKey == nil || time.Now().Before(next) {
		return next
	}
	if _, err := s.Reseal(ctx); err != nil && !errors.Is(err, store.ErrBusy) {
		s.o.OnError(err)
	}
	return time.Now().Add(resealEvery)
}
