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
	maxAddresses        = 32
	// maxDatagram is announced by EDNS0 and safe from fragmentation (DNS flag day 2020).
	maxDatagram = 1232
)

// Resolver asks the given DNS servers and nothing else. net.Resolver reads the hosts file first whatever its Dial does,
// and behind the hosts-file door that file points DocuSign's names back at the proxy. No search domains, no cache.
type Resolver struct {
	// Servers are recursive resolvers, asked in order until one answers. They are not judged like other addresses: the
	// operator names them.
	Servers []netip.AddrPort
	// Timeout of one question to one server; default 2 s.
	Timeout time.Duration
}

// LookupNetIP returns the addresses of host; network is "ip", "ip4" or "ip6". Errors are *net.DNSError.
func (r *Resolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	name, err := dnsmessage.NewName(strings.TrimSuffix(host, ".") + ".")
	if err != nil {
		return nil, &net.DNSError{Err: "no valid name", Name: host, IsNotFound: true}
	}
	var types []dnsmessage.Type
	if network != "ip4" {
		types = append(types, dnsmessage.TypeAAAA)
	}
	if network != "ip6" {
		types = append(types, dnsmessage.TypeA)
	}
	answers, errs := make([][]netip.Addr, len(types)), make([]error, len(types))
	var wg sync.WaitGroup
	for i, t := range types {
		wg.Go(func() {
			defer panics.Into(&errs[i])
			answers[i], errs[i] = r.ask(ctx, dnsmessage.Question{Name: name, Type: t, Class: dnsmessage.ClassINET})
		})
	}
	wg.Wait()
	if ips := slices.Concat(answers...); len(ips) > 0 {
		return ips[:min(len(ips), maxAddresses)], nil
	}
	return nil, r.dnsError(host, cmp.Or(append(errs, errNoSuchHost)...))
}

var (
	errNoSuchHost = errors.New("no such host")
	errMismatch   = errors.New("an answer to another question")
)

func (r *Resolver) dnsError(host string, err error) error {
	timeout := false
	if t, ok := errors.AsType[net.Error](err); ok {
		timeout = t.Timeout()
	}
	return &net.DNSError{
		UnwrapErr: err, Err: err.Error(), Name: host, Server: fmt.Sprint(r.Servers),
		IsTimeout: timeout, IsNotFound: errors.Is(err, errNoSuchHost), IsTemporary: timeout,
	}
}

// ask goes through the servers; "no such host" is an answer, anything else sends the question to the next one.
func (r *Resolver) ask(ctx context.Context, q dnsmessage.Question) ([]netip.Addr, error) {
	err := errors.New("no DNS server configured")
	for _, server := range r.Servers {
		var ips []netip.Addr
		ips, err = r.askServer(ctx, server, q)
		if err == nil || errors.Is(err, errNoSuchHost) {
			return ips, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, err
}

func (r *Resolver) askServer(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) ([]netip.Addr, error) {
	ips, truncated, err := r.exchange(ctx, "udp", server, q)
	if err == nil && truncated {
		ips, _, err = r.exchange(ctx, "tcp", server, q)
	}
	return ips, err
}

func packQuery(q dnsmessage.Question) (query []byte, id uint16, err error) {
	var random [2]byte
	_, _ = rand.Read(random[:]) // never fails, by its contract
	id = binary.BigEndian.Uint16(random[:])
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	var opt dnsmessage.ResourceHeader
	err = errors.Join(
		b.StartQuestions(), b.Question(q), b.StartAdditionals(),
		opt.SetEDNS0(maxDatagram, dnsmessage.RCodeSuccess, false), b.OPTResource(opt, dnsmessage.OPTResource{}))
	if err != nil {
		return nil, 0, err
	}
	query, err = b.Finish()
	return query, id, err
}

func (r *Resolver) exchange(
	ctx context.Context, network string, server netip.AddrPort, q dnsmessage.Question,
) (ips []netip.Addr, truncated bool, err error) {
	query, id, err := packQuery(q)
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout, defaultQueryTimeout))
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = conn.Close() }()
	release := bind(ctx, conn)
	defer release()
	stream := network == "tcp"
	if stream { // RFC 1035 §4.2.2
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	}
	if _, err := conn.Write(query); err != nil {
		return nil, false, err
	}
	for {
		message, err := receive(conn, stream)
		if err != nil {
			return nil, false, err
		}
		ips, truncated, err := parseAnswer(message, id, q)
		// A datagram that answers another question is a late answer, or a forged one.
		if stream || !errors.Is(err, errMismatch) {
			return ips, truncated, err
		}
	}
}

func receive(conn net.Conn, stream bool) ([]byte, error) {
	if !stream {
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
func parseAnswer(message []byte, id uint16, q dnsmessage.Question) (ips []netip.Addr, truncated bool, err error) {
	var p dnsmessage.Parser
	head, err := p.Start(message)
	if err != nil || !head.Response || head.ID != id {
		return nil, false, errMismatch
	}
	questions, err := p.AllQuestions()
	if err != nil || len(questions) != 1 || !sameQuestion(questions[0], q) {
		return nil, false, errMismatch
	}
	if head.RCode == dnsmessage.RCodeNameError {
		return nil, false, errNoSuchHost
	}
	if head.RCode != dnsmessage.RCodeSuccess {
		return nil, false, fmt.Errorf("the server answers %v", head.RCode)
	}
	if head.Truncated {
		return nil, true, nil
	}
	ips, err = addresses(&p, q.Type)
	return ips, false, err
}

func sameQuestion(a, b dnsmessage.Question) bool {
	return a.Type == b.Type && a.Class == b.Class && strings.EqualFold(a.Name.String(), b.Name.String())
}

func addresses(p *dnsmessage.Parser, want dnsmessage.Type) ([]netip.Addr, error) {
	var ips []netip.Addr
	for {
		head, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return ips, nil
		}
		if err != nil {
			return nil, fmt.Errorf("a malformed answer: %w", err)
		}
		if head.Type != want || head.Class != dnsmessage.ClassINET {
			if err := p.SkipAnswer(); err != nil {
				return nil, fmt.Errorf("a malformed answer: %w", err)
			}
			continue
		}
		ip, err := address(p, want)
		if err != nil {
			return nil, fmt.Errorf("a malformed answer: %w", err)
		}
		if !slices.Contains(ips, ip) && len(ips) < maxAddresses {
			ips = append(ips, ip)
		}
	}
}

func address(p *dnsmessage.Parser, t dnsmessage.Type) (netip.Addr, error) {
	if t == dnsmessage.TypeA {
		r, err := p.AResource()
		return netip.AddrFrom4(r.A), err
	}
	r, err := p.AAAAResource()
	return netip.AddrFrom16(r.AAAA), err
}

// bind makes a connection's reads and writes end with the context. The release function returns false if they already
// did.
func bind(ctx context.Context, conn net.Conn) (release func() bool) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // fails only on a closed connection, as the read after it will
	}
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}
