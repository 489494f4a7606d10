package app

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listeningProgram finds the process by the inode of its socket (proc_pid_net(5), proc_pid_fd(5)). It sees the
// processes of its own user alone, unless it runs as root.
func listeningProgram(address string) string {
	want, ok := listenerAt(address)
	if !ok {
		return ""
	}
	socket := "socket:[" + listeningInode(want) + "]"
	handles, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is good
	for _, handle := range handles {
		if to, err := os.Readlink(handle); err != nil || to != socket {
			continue
		}
		process := filepath.Dir(filepath.Dir(handle))
		if name, err := os.ReadFile(filepath.Join(process, "comm")); err == nil {
			return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), filepath.Base(process))
		}
	}
	return ""
}

func listeningInode(want netip.AddrPort) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			const listening = "0A"
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != listening {
				continue
			}
			if have, ok := kernelAddress(fields[1]); ok && sameListener(have, want) {
				return fields[9]
			}
		}
	}
	return ""
}

// kernelAddress reads 0100007F:2382, whose address is in words of 32 bits, each with its bytes in the machine's order.
func kernelAddress(text string) (netip.AddrPort, bool) {
	digits, number, _ := strings.Cut(text, ":")
	port, err := strconv.ParseUint(number, 16, 16)
	bytes, err2 := hex.DecodeString(digits)
	if err != nil || err2 != nil || len(bytes)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(bytes, 4) {
		binary.BigEndian.PutUint32(word, binary.NativeEndian.Uint32(word))
	}
	addr, ok := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(addr, uint16(port)), ok
}
