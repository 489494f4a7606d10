package app

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/store/redis"
)

// OpenRedis makes the connection to the store that replicas share, as the configuration says; Connect does the first
// I/O. o has what no configuration says: Replica, Observe, OnError.
func OpenRedis(cfg *config.Config, o redis.Options) *redis.Server {
	r := cfg.Store.Redis
	o.Addresses, o.Username, o.Password, o.Database, o.Cluster = r.Addresses, r.Username, r.Password, r.Database, r.Cluster
	o.Namespace, o.AccountServer = r.Namespace, cfg.AccountServer.String()
	o.Key, o.PreviousKey = config.Bytes(cfg.Store.Key), config.Bytes(cfg.Store.PreviousKey)
	o.Timeout, o.Connections = r.Timeout, r.Connections
	if r.Sentinel != nil {
		o.Sentinel = &redis.Sentinel{
			Master: r.Sentinel.Master, Username: r.Sentinel.Username, Password: r.Sentinel.Password,
		}
	}
	if r.TLS {
		o.TLS = redisTLS(r)
	}
	return redis.Open(o)
}

// redisTLS believes the authorities of ca_file alone, where there is one.
func redisTLS(r *config.Redis) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(r.CAs) > 0 {
		c.RootCAs = x509.NewCertPool()
		for _, ca := range r.CAs {
			c.RootCAs.AddCert(ca)
		}
	}
	if r.KeyPair != nil {
		c.Certificates = []tls.Certificate{*r.KeyPair}
	}
	return c
}

// replicaName is one that no process had before.
func replicaName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "replica"
	}
	return host + "-" + strings.ToLower(rand.Text()[:8])
}
