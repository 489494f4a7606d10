package redis_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func TestWhatIsWrongWithAServerIsNamed(t *testing.T) {
	certs := redistest.NewCertificates(t)
	plain := redistest.Start(t)
	password := redistest.Start(t, "--requirepass", "pass phrase")
	limited := redistest.Start(t, strings.Fields("--user proxy on nopass ~* +@all -evalsha -eval "+
		"--user other on nopass ~{other}:* +@all")...)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", "1")
	secured := redistest.Start(t, append(certs.Args(), "--tls-auth-clients", "no")...)
	clients := redistest.Start(t, certs.Args()...)
	cluster := redistest.Start(t, "--cluster-enabled", "yes")
	believes := &tls.Config{RootCAs: certs.Pool, MinVersion: tls.VersionTLS12}
	believesNobody, asAnother := believes.Clone(), believes.Clone()
	believesNobody.RootCAs, asAnother.ServerName = x509.NewCertPool(), "cache.example.com"
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	tests := map[string]struct {
		addr   string
		change func(*redis.Options)
		row    cause.ID
		says   string
	}{
		"nobody listens":           {"127.0.0.1:1", nil, cause.StoreAway, "refuses the connection"},
		"it does not answer":       {silent.Addr().String(), nil, cause.StoreSlow, silent.Addr().String()},
		"the name is unknown":      {"store.invalid:6379", nil, cause.StoreName, "store.invalid"},
		"the password is missing":  {password.Addr, nil, cause.StoreNoPassword, ""},
		"the password is wrong":    {password.Addr, withPassword("wrong"), cause.StorePassword, ""},
		"a right is missing":       {limited.Addr, withUser("proxy"), cause.StoreRight, "run EVAL"},
		"the keys are of others":   {limited.Addr, withUser("other"), cause.StoreRight, "keys of the namespace"},
		"it is a replica":          {replica.Addr, nil, cause.StoreReplica, ""},
		"it speaks TLS":            {secured.Addr, nil, cause.StoreWantsTLS, ""},
		"it does not speak TLS":    {plain.Addr, withTLS(believes), cause.StoreNoTLS, ""},
		"its authority is unknown": {secured.Addr, withTLS(believesNobody), cause.StoreTLS, "test authority"},
		"its name is another":      {secured.Addr, withTLS(asAnother), cause.StoreTLS, ""},
		"it wants a certificate":   {clients.Addr, withTLS(believes), cause.StoreWantsCertificate, ""},
		"no node of a cluster":     {plain.Addr, func(o *redis.Options) { o.Cluster = true }, cause.StoreNoCluster, ""},
		"a cluster without slots":  {cluster.Addr, nil, cause.StoreClusterDown, "CLUSTERDOWN"},
		"it is no sentinel":        {plain.Addr, withSentinel, cause.StoreAway, "it is no sentinel"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(test.addr)
			o.Timeout = time.Second
			if test.change != nil {
				test.change(&o)
			}
			s := redis.Open(o)
			defer s.Close()
			err := s.Connect(t.Context())
			fault, ok := errors.AsType[cause.Explained](err)
			if !ok || !errors.Is(err, store.ErrUnreachable) {
				t.Fatalf("the error is %v", err)
			}
			row, fill := fault.Row()
			if row != test.row || !strings.Contains(row.Means(fill...), test.says) || strings.Contains(err.Error(), "{") {
				t.Errorf("it says %d %q; below: %v", row, err, errors.Unwrap(err))
				if f, ok := errors.AsType[*redis.Fault](err); ok {
					t.Errorf("%#v", f.Unwrap())
				}
			}
		})
	}
}

func withUser(name string) func(*redis.Options) {
	return func(o *redis.Options) { o.Username, o.Password = name, secret.New("any") }
}

func withTLS(config *tls.Config) func(*redis.Options) {
	return func(o *redis.Options) { o.TLS = config }
}

func withSentinel(o *redis.Options) { o.Sentinel = &redis.Sentinel{Master: "m"} }

func withPassword(password string) func(*redis.Options) {
	return func(o *redis.Options) { o.Password = secret.New(password) }
}
