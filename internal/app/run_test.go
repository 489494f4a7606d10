package app

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestHowLongCallsMayTakeAtTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit time.Duration
		cause error
		goos  string
		want  time.Duration
	}{
		{"a service is stopped", time.Minute, context.Canceled, "windows", time.Minute},
		{"Ctrl-C on Windows", time.Minute, EndedBy{os.Interrupt}, "windows", time.Minute},
		{"the window is closed on Windows", time.Minute, EndedBy{syscall.SIGTERM}, "windows", closingTime},
		{"the same, where they are given less", time.Second, EndedBy{syscall.SIGTERM}, "windows", time.Second},
		{"SIGTERM elsewhere", time.Minute, EndedBy{syscall.SIGTERM}, "linux", time.Minute},
		{"a listener failed", time.Minute, nil, "windows", time.Minute},
	} {
		if got := stopTime(tt.limit, tt.cause, tt.goos); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
