package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func canMeasure() error { return nil }

// cpuTime gives the user and system time a process has used. It reads the process's CPU clock (clock_getcpuclockid(3)):
// the sum that /proc/PID/stat shows in ticks of 10 ms, at the resolution of the scheduler.
func cpuTime(pid int) (time.Duration, error) {
	const schedClock = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// memory is the resident set of a process in bytes, now and at its peak.
type memory struct{ resident, peak int64 }

func memoryOf(pid int) (memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	defer f.Close()
	var m memory
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "VmRSS":
			m.resident, err = parseKiB(value)
		case "VmHWM":
			m.peak, err = parseKiB(value)
		}
		if err != nil {
			return m, fmt.Errorf("%s of process %d: %w", name, pid, err)
		}
	}
	return m, lines.Err()
}

func parseKiB(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(s), " kB"), 10, 64)
	return n << 10, err
}

// resetPeak makes the peak of the resident set begin anew (proc(5), clear_refs).
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
