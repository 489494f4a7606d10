package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store"
)

// Fault is what is wrong with the store. It implements cause.Explained.
type Fault struct {
	kind error // ErrKey, ErrAccountServer or one of package store
	row  cause.ID
	fill []string
	err  error // what the server or the network said; nil = kind says all
}

func (f *Fault) Error() string { return f.row.Means(f.fill...) }

// Unwrap gives the kind, and what was said.
func (f *Fault) Unwrap() []error { return []error{f.kind, f.err} }

// Row implements cause.Explained.
func (f *Fault) Row() (cause.ID, []string) { return f.row, f.fill }

// saidByScript are the words by which a script refuses.
func saidByScript() map[string]error {
	return map[string]error{
		"EMPTIED":  &Fault{kind: store.ErrEmptied, row: cause.StoreEmptied},
		"REPLACED": &Fault{kind: store.ErrReplaced, row: cause.StoreReplaced},
		"CONFLICT": store.ErrConflict,
	}
}

// saidByServer are the first words of a server's errors that mean that it cannot be used.
func saidByServer() map[string]cause.ID {
	return map[string]cause.ID{
		"NOAUTH": cause.StorePassword, "WRONGPASS": cause.StorePassword, "NOPERM": cause.StoreRight,
		"READONLY": cause.StoreReplica, "MASTERDOWN": cause.StoreReplica, "LOADING": cause.StoreLoading,
		"OOM": cause.StoreFull, "MISCONF": cause.StoreDisk, "MOVED": cause.StoreCluster, "ASK": cause.StoreCluster,
		"BUSY": cause.StoreSlow, "CLUSTERDOWN": cause.StoreClusterDown,
	}
}

// fault tells the answers of a script from all else that can go wrong, which means that the store is away.
func (s *link) fault(err error) error {
	switch {
	case err == nil, errors.Is(err, goredis.Nil) && !s.ofSentinel(err):
		return err
	case errors.Is(err, context.Canceled):
		return err // the caller has gone; it says nothing of the server
	}
	word, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "ERR "), " ")
	if said, ok := saidByScript()[word]; ok {
		return said
	}
	f := &Fault{kind: store.ErrUnreachable, err: err}
	f.row, f.fill = s.rowOf(err)
	f.fill = append([]string{"address", strings.Join(s.o.Addresses, ", ")}, f.fill...)
	return f
}

func (s *link) rowOf(err error) (cause.ID, []string) {
	text := err.Error()
	if s.ofSentinel(err) {
		return cause.StoreSentinel, []string{"detail", s.o.Sentinel.Master}
	}
	if _, said := errors.AsType[goredis.Error](err); !said {
		return s.ofNetwork(err)
	}
	word, _, _ := strings.Cut(text, " ")
	row, known := saidByServer()[word]
	switch {
	case row == cause.StorePassword && s.o.Password.Empty():
		return cause.StoreNoPassword, nil
	case row == cause.StoreRight:
		return row, []string{"detail", rightOf(text)}
	case known:
		return row, []string{"detail", cut(text)}
	case strings.Contains(text, "cluster support disabled"):
		return cause.StoreNoCluster, nil
	case s.o.Sentinel != nil && strings.Contains(text, "unknown command 'sentinel'"):
		return cause.StoreAway, []string{"detail", "it is no sentinel, and store.redis has sentinel"}
	}
	return cause.StoreAway, []string{"detail", cut(text)}
}

// rightOf is what a user lacks, as the server says it: the command, or the key.
func rightOf(text string) string {
	refused := regexp.MustCompile(`run the '([^']*)' command|access (one of the keys|a key)`)
	lacks := refused.FindStringSubmatch(text)
	switch {
	case lacks == nil:
		return cut(text)
	case lacks[1] != "":
		return "run " + strings.ToUpper(lacks[1])
	}
	return "use the keys of the namespace"
}

// ofSentinel tells whether sentinels answered that they know no such master.
func (s *link) ofSentinel(err error) bool {
	return s.o.Sentinel != nil && err != goredis.Nil && errors.Is(err, goredis.Nil)
}

// ofNetwork names the step that failed, on the way to the server.
func (s *link) ofNetwork(err error) (cause.ID, []string) {
	host := s.o.Addresses[0]
	if h, _, e := net.SplitHostPort(host); e == nil {
		host = h
	}
	row, fill := cause.OfNetwork(host, err)
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		fill = append(fill, "address", op.Addr.String())
	}
	detail := append(fill, "detail", cut(row.Means(fill...)))
	switch row {
	case cause.NoName:
		return cause.StoreName, fill
	case cause.Timeout:
		return cause.StoreSlow, fill
	case cause.NoTLS:
		return cause.StoreNoTLS, fill
	case cause.UntrustedCertificate, cause.ExpiredCertificate, cause.OtherCertificate:
		return cause.StoreTLS, detail
	case cause.TLSRefused:
		return cause.StoreWantsCertificate, fill
	}
	return cause.StoreAway, detail
}

// late tells that the server did not answer in time.
func late(err error) bool {
	var f *Fault
	return errors.As(err, &f) && f.row == cause.StoreSlow
}

// cut bounds what a server said.
func cut(text string) string {
	const most = 200
	quoted := fmt.Sprintf("%q", text[:min(len(text), most)])
	return quoted[1 : len(quoted)-1]
}
