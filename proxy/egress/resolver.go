package egress

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"docusign-auth-proxy/internal/panics"
)

const (
	defaultQueryTimeout = 2 * time.Second
	maxAddresses        = 16 // of one family
	// maxDatagram is announced by EDNS0 and safe from fragmentation (DNS flag day 2020).
	maxDatagram = 1232
)

var (
	errNoSuchHost = errors.New("no such host")
	errMismatch   = errors.New("an answer to another question")
	errTruncated  = errors.New("an answer that was cut")
)

// Resolver asks one DNS server and nothing else. net.Resolver reads the hosts file first whatever its Dial does, and
// behind the hosts-file door that file points DocuSign's names back at the proxy. No search domains, no cache.
type Resolver struct {
	// Server is a recursive resolver. It is not judged like other addresses: the operator names it.
	Server netip.AddrPort
	// Timeout of one question; default 2 s.
	Timeout time.Duration
}

// LookupNetIP returns the addresses of host, of both families by turns. Errors are *net.DNSError.
func (r *Resolver) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	name, err := dnsmessage.NewName(strings.TrimSuffix(host, ".") + ".")
	if err != nil {
		return nil, &net.DNSError{Err: "no valid name", Name: host, IsNotFound: true}
	}
	var answers [2][]netip.Addr
	var errs [2]error
	var wg sync.WaitGroup
	for i, t := range []dnsmessage.Type{dnsmessage.TypeAAAA, dnsmessage.TypeA} {
		wg.Go(func() {
			defer panics.Into(&errs[i])
			answers[i], errs[i] = r.ask(ctx, dnsmessage.Question{Name: name, Type: t, Class: dnsmessage.ClassINET})
		})
	}
	wg.Wait()
	var ips []netip.Addr
	for i := range maxAddresses {
		for _, list := range answers {
			if i < len(list) {
				ips = append(ips, list[i])
			}
		}
	}
	if len(ips) > 0 {
		return ips, nil
	}
	err = cmp.Or(ctx.Err(), errs[0], errs[1], errNoSuchHost)
	timeout, ok := errors.AsType[net.Error](err)
	late := ok && timeout.Timeout()
	return nil, &net.DNSError{
		UnwrapErr: err, Err: err.Error(), Name: host, Server: fmt.Sprintf("[%s]", r.Server),
		IsTimeout: late, IsNotFound: errors.Is(err, errNoSuchHost), IsTemporary: late,
	}
}

// ask puts a question by UDP, and by TCP when the answer is too long for that.
func (r *Resolver) ask(ctx context.Context, q dnsmessage.Question) ([]netip.Addr, error) {
	ips, err := r.exchange(ctx, "udp", q)
	if errors.Is(err, errTruncated) {
		ips, err = r.exchange(ctx, "tcp", q)
	}
	return ips, err
}

func (r *Resolver) exchange(ctx context.Context, network string, q dnsmessage.Question) ([]netip.Addr, error) {
	query, id, err := packQuery(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout, defaultQueryTimeout))
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, r.Server.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer interrupt(ctx, conn)()
	if network == "tcp" { // RFC 1035 §4.2.2
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	}
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	for {
		message, err := receive(conn, network)
		if err != nil {
			return nil, err
		}
		ips, err := parseAnswer(message, id, q)
		if !errors.Is(err, errMismatch) { // that is a late answer, or a forged one
			return ips, err
		}
	}
}

// interrupt ends reads and writes on a connection with the context, until stop.
func interrupt(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

func packQuery(q dnsmessage.Question) (query []byte, id uint16, err error) {
	var random [2]byte
	_, _ = rand.Read(random[:]) // never fails, by its contract
	id = binary.BigEndian.Uint16(random[:])
	var opt dnsmessage.ResourceHeader
	if err := opt.SetEDNS0(maxDatagram, dnsmessage.RCodeSuccess, false); err != nil {
		return nil, 0, err
	}
	m := dnsmessage.Message{
		Header:      dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions:   []dnsmessage.Question{q},
		Additionals: []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}},
	}
	query, err = m.Pack()
	return query, id, err
}

func receive(conn net.Conn, network string) ([]byte, error) {
	if network == "udp" {
		message := make([]byte, maxDatagram)
		n, err := conn.Read(message)
		return message[:n], err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, message)
	return message, err
}

// parseAnswer takes every address in the answer section: a recursive resolver puts the chain of aliases there.
func parseAnswer(message []byte, id uint16, q dnsmessage.Question) (ips []netip.Addr, err error) {
	var m dnsmessage.Message
	malformed := m.Unpack(message) // what was read before the fault is in m
	if !m.Response || m.ID != id || len(m.Questions) != 1 {
		return nil, errMismatch
	}
	asked := m.Questions[0]
	switch {
	case asked.Type != q.Type || asked.Class != q.Class || !strings.EqualFold(asked.Name.String(), q.Name.String()):
		return nil, errMismatch
	case m.RCode == dnsmessage.RCodeNameError:
		return nil, errNoSuchHost
	case m.RCode != dnsmessage.RCodeSuccess:
		return nil, fmt.Errorf("the server answers %v", m.RCode)
	case m.Truncated:
		return nil, errTruncated
	case malformed != nil && len(m.Answers) == 0:
		return nil, fmt.Errorf("a malformed answer: %w", malformed)
	}
	for _, a := range m.Answers {
		var ip netip.Addr
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			ip = netip.AddrFrom4(body.A)
		case *dnsmessage.AAAAResource:
			ip = netip.AddrFrom16(body.AAAA)
		}
		wanted := a.Header.Type == q.Type && a.Header.Class == dnsmessage.ClassINET
		if wanted && !slices.Contains(ips, ip) && len(ips) < maxAddresses {
			ips = append(ips, ip)
		}
	}
	return ips, nil
}
