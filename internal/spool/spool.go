// Package spool keeps bytes that are too many for memory: first in memory, then in a file without a name, which goes
// with the process. It must never let all spools of a pool together grow beyond their quota.
package spool

import "io"

// File is bytes that were written once and may be read any number of times. The zero value is not ready; Pool makes it.
type File struct{}

// Pool makes Files that share a quota.
type Pool struct{}

// New makes an empty File.
func (p *Pool) New() *File { return nil }

// Used is how many bytes all open Files hold, in memory and on disk.
func (p *Pool) Used() int64 { return 0 }

func (f *File) Write(b []byte) (int, error) { return 0, nil }

// Size is the number of bytes written.
func (f *File) Size() int64 { return 0 }

// Reader reads from the beginning; Readers do not disturb each other. Nothing may be written after the first one.
func (f *File) Reader() io.Reader { return nil }

// Close gives memory, disk and quota back. A second Close does nothing.
func (f *File) Close() {}
