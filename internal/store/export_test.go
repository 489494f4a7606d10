package store

import "time"

func OpenFile(path string) (Backend, error) { return openFile(path, time.Second) }

func NewMemory() Backend { return newMemory() }

func Buckets() []string { return buckets() }
