package main

import (
	"os"
	"testing"
)

func TestOwnProcessIsMeasured(t *testing.T) {
	pid := os.Getpid()
	if err := resetPeak(pid); err != nil {
		t.Fatal(err)
	}
	cpu, err := cpuTime(pid)
	if err != nil || cpu <= 0 {
		t.Errorf("CPU time %v, %v", cpu, err)
	}
	m, err := memoryOf(pid)
	if err != nil || m.resident <= 0 || m.peak <= 0 {
		t.Errorf("memory %+v, %v", m, err)
	}
}

func TestProcessThatIsNot(t *testing.T) {
	if _, err := cpuTime(1 << 28); err == nil {
		t.Error("CPU time of nobody")
	}
	if _, err := memoryOf(1 << 28); err == nil {
		t.Error("memory of nobody")
	}
}
