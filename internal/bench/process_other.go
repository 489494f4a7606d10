//go:build !linux

package main

import (
	"errors"
	"time"
)

var errNotLinux = errors.New("CPU time and resident set of another process are read the Linux way; run this on Linux")

type memory struct{ resident, peak int64 }

func canMeasure() error                  { return errNotLinux }
func cpuTime(int) (time.Duration, error) { return 0, errNotLinux }
func memoryOf(int) (memory, error)       { return memory{}, errNotLinux }
func resetPeak(int) error                { return errNotLinux }
