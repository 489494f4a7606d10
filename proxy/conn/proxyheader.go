package conn

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The PROXY protocol (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt): a balancer says before all else
// whose connection it passes on. Version 1 is a line (section 2.1), version 2 is binary (section 2.2).
const (
	headerV1 = "PROXY "
	headerV2 = "\r\n\r\n\x00\r\nQUIT\n"

	maxHeaderV1 = 107  // with the line end
	maxHeaderV2 = 4096 // of what follows the first 16 bytes; a client certificate in it takes some 2,000

	commandLocal, commandProxy = 0x20, 0x21
	familyTCP4, familyTCP6     = 0x11, 0x21
)

var errHeader = errors.New("it is not as the PROXY protocol has it")

// startsHeader tells whether a connection that begins with p begins with a PROXY header. more = p is too short to tell.
func startsHeader(p []byte) (yes, more bool) {
	for _, signature := range [...]string{headerV1, headerV2} {
		n := min(len(p), len(signature))
		if string(p[:n]) == signature[:n] {
			return n == len(signature), n < len(signature)
		}
	}
	return false, false
}

// peek reads as much as tells whether a PROXY header comes first; it stays to be read. ok is false when nothing comes.
func (c *Conn) peek(limit time.Duration) (header, ok bool) {
	_ = c.SetReadDeadline(time.Now().Add(limit))
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	var more [len(headerV2)]byte
	for {
		yes, short := startsHeader(c.ahead)
		if len(c.ahead) > 0 && !short {
			return yes, true
		}
		n, err := c.Conn.Read(more[len(c.ahead):])
		c.ahead = append(c.ahead, more[len(c.ahead):][:n]...)
		if err != nil {
			return false, len(c.ahead) > 0
		}
	}
}

// takeHeader reads the PROXY header that peek has seen, and nothing behind it.
func (c *Conn) takeHeader(limit time.Duration) (h header, err error) {
	_ = c.SetReadDeadline(time.Now().Add(limit))
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	in := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(c.ahead), c.Conn), maxHeaderV1)
	if c.ahead[0] == headerV1[0] {
		h, err = readV1(in)
	} else {
		h, err = readV2(in)
	}
	rest, _ := in.Peek(in.Buffered())
	c.ahead = bytes.Clone(rest)
	return h, err
}

// header is what a PROXY header says. An address that it does not say is invalid.
type header struct {
	from netip.AddrPort // the client
	to   netip.AddrPort // where the client has connected to
}

// readV1 reads a line; in holds no more than the longest.
func readV1(in *bufio.Reader) (header, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return header{}, fmt.Errorf("a line of at most %d bytes: %w", maxHeaderV1, err)
	}
	text, ended := strings.CutSuffix(string(line), "\r\n")
	words := strings.Split(text, " ")
	switch {
	case !ended || len(words) < 2:
		return header{}, errHeader
	case words[1] == "UNKNOWN":
		return header{}, nil
	case len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6":
		return header{}, errHeader
	}
	from, err := address(words[2], words[4])
	if err != nil {
		return header{}, err
	}
	to, err := address(words[3], words[5])
	return header{from, to}, err
}

// address reads both as they stand in a line. nginx writes IPv4 under TCP6 too.
func address(ip, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(ip)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || a.Zone() != "" {
		return netip.AddrPort{}, errHeader
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

func readV2(in *bufio.Reader) (header, error) {
	var head [len(headerV2) + 4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return header{}, err
	}
	command, family := head[len(headerV2)], head[len(headerV2)+1]
	length := binary.BigEndian.Uint16(head[len(headerV2)+2:])
	if length > maxHeaderV2 || command != commandLocal && command != commandProxy {
		return header{}, errHeader
	}
	rest := make([]byte, length)
	if _, err := io.ReadFull(in, rest); err != nil {
		return header{}, err
	}
	size := map[byte]int{familyTCP4: 4, familyTCP6: 16}[family]
	switch {
	case command == commandLocal || size == 0: // of the balancer itself, or of what has no address
		return header{}, nil
	case len(rest) < 2*size+4:
		return header{}, errHeader
	}
	ports := rest[2*size:]
	return header{binaryAddress(rest[:size], ports), binaryAddress(rest[size:2*size], ports[2:])}, nil
}

func binaryAddress(ip, port []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(port))
}
