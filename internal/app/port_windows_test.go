package app

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// Wine names no owner in its table, so that the table is made here.
func TestAListenerIsFoundInTheTableOfWindows(t *testing.T) {
	four := func(port, process byte, addr ...byte) []byte {
		return slices.Concat([]byte{2, 0, 0, 0}, addr, []byte{1, port, 0, 0}, make([]byte, 8), []byte{process, 0, 0, 0})
	}
	six := func(port, process byte, last byte) []byte {
		return slices.Concat(make([]byte, 15), []byte{last}, make([]byte, 4), []byte{1, port, 0, 0}, make([]byte, 24),
			[]byte{2, 0, 0, 0, process, 0, 0, 0})
	}
	v4 := slices.Concat([]byte{2, 0, 0, 0}, four(187, 4, 0, 0, 0, 0), four(188, 7, 127, 0, 0, 1), []byte("rest"))
	v6 := slices.Concat([]byte{1, 0, 0, 0}, six(187, 9, 1))
	for _, tt := range []struct {
		name   string
		table  []byte
		family uint32
		want   string
		owner  uint32
	}{
		{"all addresses keep others from one", v4, windows.AF_INET, "127.0.0.1:443", 4},
		{"one address", v4, windows.AF_INET, "127.0.0.1:444", 7},
		{"another address is free", v4, windows.AF_INET, "127.0.0.2:444", 0},
		{"another port is free", v4, windows.AF_INET, "127.0.0.1:445", 0},
		{"of IPv6", v6, windows.AF_INET6, "[::1]:443", 9},
		{"a count that the table does not hold", v4[:30], windows.AF_INET, "127.0.0.1:444", 0},
	} {
		if got := listenerIn(tt.table, tt.family, netip.MustParseAddrPort(tt.want)); got != tt.owner {
			t.Errorf("%s: process %d, want %d", tt.name, got, tt.owner)
		}
	}
	if got, want := programOf(uint32(os.Getpid())), fmt.Sprintf(".exe (process %d)", os.Getpid()); !strings.HasSuffix(got, want) {
		t.Errorf("these tests are told as %s", got)
	}
	if got := programOf(4); !strings.Contains(got, "http.sys") {
		t.Error(got)
	}
}
