package app

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// listeningProgram finds the process in the system's table of listeners; "" = the system does not tell.
func listeningProgram(address string) string {
	want, ok := listenerAt(address)
	if !ok {
		return ""
	}
	for _, family := range []uint32{windows.AF_INET, windows.AF_INET6} {
		table, err := tcpTable(family)
		if err != nil {
			continue
		}
		if process := listenerIn(table, family, want); process != 0 {
			return programOf(process)
		}
	}
	return ""
}

// tcpTable is the answer of GetExtendedTcpTable: a count, then that many rows.
func tcpTable(family uint32) ([]byte, error) {
	const ownerOfListeners = 3 // TCP_TABLE_OWNER_PID_LISTENER
	ask := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")
	for size := uint32(1 << 16); ; size *= 2 {
		table, n := make([]byte, size), size
		status, _, _ := ask.Call(uintptr(unsafe.Pointer(&table[0])), uintptr(unsafe.Pointer(&n)), 0, uintptr(family),
			ownerOfListeners, 0)
		err := windows.Errno(status)
		switch {
		case err == 0:
			return table, nil
		case !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || size > 1<<24:
			return nil, err
		}
	}
}

// listenerIn gives the process that keeps others from an address; 0 = none. Rows are those of MIB_TCPTABLE_OWNER_PID
// and MIB_TCP6TABLE_OWNER_PID (tcpmib.h).
func listenerIn(table []byte, family uint32, want netip.AddrPort) uint32 {
	width, addr, port, owner := 24, 4, 8, 20
	if family == windows.AF_INET6 {
		width, addr, port, owner = 56, 0, 20, 52
	}
	rows := binary.LittleEndian.Uint32(table)
	for row := range min(int(rows), (len(table)-4)/width) {
		r := table[4+row*width:][:width]
		ip := netip.AddrFrom4([4]byte(r[addr:]))
		if family == windows.AF_INET6 {
			ip = netip.AddrFrom16([16]byte(r[addr:]))
		}
		if sameListener(netip.AddrPortFrom(ip, binary.BigEndian.Uint16(r[port:])), want) {
			return binary.LittleEndian.Uint32(r[owner:])
		}
	}
	return 0
}

// programOf names a process. That of number 4 is Windows itself, which listens for all programs that use http.sys.
func programOf(process uint32) string {
	const system = 4
	name := "a program of another user"
	if process == system {
		name = "Windows for IIS or another user of http.sys, see netsh http show servicestate"
	}
	p, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, process)
	if err == nil {
		path := make([]uint16, windows.MAX_LONG_PATH)
		size := uint32(len(path))
		if err := windows.QueryFullProcessImageName(p, 0, &path[0], &size); err == nil && process != system {
			name = filepath.Base(windows.UTF16ToString(path[:size]))
		}
		_ = windows.CloseHandle(p) // it was only read
	}
	return fmt.Sprintf("%s (process %d)", name, process)
}
