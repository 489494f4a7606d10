package store

import (
	"context"
	"time"
)

func OpenFile(path string) (Backend, error) { return openFile(path, time.Second) }

func NewMemory() Backend { return newMemory() }

func Buckets() []string { return buckets() }

func (s *Store) RenewRefresh(ctx context.Context) error { return s.renewRefresh(ctx) }
