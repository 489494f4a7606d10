package config

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

// storeKeyBytes is the size of store.key, in bytes.
const storeKeyBytes = 32

// Lasting reports whether the state outlives the process.
func (s *Store) Lasting() bool { return s.File != "" || s.Redis != nil }

// Name says where the state lies; empty = in memory.
func (s *Store) Name() string {
	if s.Redis == nil {
		return s.File
	}
	return s.Redis.Namespace + " at " + strings.Join(s.Redis.Addresses, ", ")
}

// Same reports whether two configurations mean the same store, reached in the same way.
func (s *Store) Same(o *Store) bool {
	a, b := *s, *o
	if (a.Redis == nil) != (b.Redis == nil) {
		return false
	}
	if a.Redis != nil && !reflect.DeepEqual(a.Redis.plain(), b.Redis.plain()) {
		return false
	}
	a.Redis, b.Redis = nil, nil
	return a == b
}

// plain is the section without what was read from its files.
func (r *Redis) plain() Redis {
	p := *r
	p.CAs, p.KeyPair = nil, nil
	if r.KeyPair != nil {
		p.Addresses = append(slices.Clone(p.Addresses), string(r.KeyPair.Leaf.Raw))
	}
	for _, ca := range r.CAs {
		p.Addresses = append(slices.Clone(p.Addresses), string(ca.Raw))
	}
	return p
}

// Bytes are the bytes of a key of the store, nil without one.
func Bytes(key secret.Text) []byte {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key.Reveal()))
	if err != nil || len(b) != storeKeyBytes {
		return nil
	}
	return b
}

const storeKeyHint = "make one with: docusign-auth-proxy store key; who moves from a file names its .key file"

// checkFileStore warns of keys that a state file has no use for.
func checkFileStore(s *sources) {
	for _, key := range []string{"key", "previous_key", "max_stale", "cold_start"} {
		_, given := s.positions[child("store", key)]
		s.warnIf(given, child("store", key), "is without effect, since there is no store.redis", "add redis, or take it out")
	}
}

// checkRedis holds the section to its rules and fills in what follows from url.
func checkRedis(s *sources, c *Config) {
	st, r := &c.Store, c.Store.Redis
	s.problemIf(st.File != "", "store.file", "is given beside redis", "keep one of the two")
	s.problemIf(st.Key.Empty(), "store.key", "is missing", storeKeyHint)
	for path, key := range map[string]secret.Text{"store.key": st.Key, "store.previous_key": st.PreviousKey} {
		s.problemIf(!key.Empty() && Bytes(key) == nil, path, "is not 32 bytes in base64", storeKeyHint)
	}
	s.warnIf(!st.PreviousKey.Empty() && st.PreviousKey == st.Key, "store.previous_key", "is the same as key",
		"name the key from before, or take it out")
	r.Namespace = cmp.Or(r.Namespace, "docusign-"+c.Environment)
	s.problemIf(r.Cluster && r.Sentinel != nil, "store.redis.cluster", "is given beside sentinel", "keep one of the two")
	s.problemIf(r.Cluster && r.Database != 0, "store.redis.database", "is not 0, and a cluster has no other", "")
	checkClientCertificate(s, r)
	r.CAs, _ = s.certificates("store.redis.ca_file", &r.CAFile, "", "")
	if !checkRedisURL(s, r) {
		return // what it says of TLS is not known
	}
	remote := slices.ContainsFunc(r.Addresses, func(a string) bool { return !isLoopback(a) })
	s.problemIf(remote && !r.TLS && !r.Plaintext, "store.redis", "would reach another machine without TLS",
		"write rediss:// or tls: true, or plaintext: true where the network is trusted with the password, names and counts")
	s.warnIf(remote && r.TLS && r.Plaintext, "store.redis.plaintext", "is without effect, since TLS is on", "take it out")
	s.problemIf(!r.TLS && (r.CAFile != "" || r.Certificate != nil), "store.redis",
		"has ca_file or certificate, which only TLS needs", "write rediss:// or tls: true")
}

// checkClientCertificate reads the two files of the certificate, if there is one.
func checkClientCertificate(s *sources, r *Redis) {
	const path = "store.redis.certificate"
	if r.Certificate == nil {
		return
	}
	cert, certName := s.named(child(path, "cert"), r.Certificate.Cert, "")
	key, keyName := s.named(child(path, "key"), r.Certificate.Key, "")
	r.Certificate.Cert, r.Certificate.Key = certName, keyName
	if cert == nil || key == nil {
		return
	}
	s.warnIfShared(keyName, child(path, "key"))
	pair, err := tls.X509KeyPair(cert, key)
	s.problemIf(err != nil, path, fmt.Sprintf("certificate and key cannot be used: %v", err), "")
	r.KeyPair = &pair
}

// checkRedisURL takes the url apart into the keys that say the same, and reports whether it knows which servers are
// meant.
func checkRedisURL(s *sources, r *Redis) bool {
	const path, hint = "store.redis.url", "write it as rediss://user@cache.example:6379/0"
	switch {
	case r.URL == "" && len(r.Addresses) == 0:
		s.problem("store.redis", "names no server", "give url, or addresses")
		return false
	case r.URL == "":
		for i, a := range r.Addresses {
			host, port, err := net.SplitHostPort(a)
			n, portErr := strconv.ParseUint(port, 10, 16)
			s.problemIf(err != nil || portErr != nil || n == 0 || host == "", item("store.redis.addresses", i),
				"is not host:port", "write it as cache.example:6379")
		}
		return true
	case len(r.Addresses) > 0 || r.TLS || r.Database != 0 || r.Sentinel != nil || r.Cluster:
		s.problem(path, "says what addresses, tls, database, sentinel and cluster say",
			"keep url alone, or these in its place")
		return false
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" ||
		u.RawQuery != "" || u.Fragment != "" {
		s.problem(path, "is no address of a Redis server", hint)
		return false
	}
	if _, has := u.User.Password(); has {
		s.problem(path, "holds a password", "take it out of the url and write password: {file: …}")
		return false
	}
	if text := strings.Trim(u.Path, "/"); text != "" {
		r.Database, err = strconv.Atoi(text)
		s.problemIf(err != nil || r.Database < 0, path, "has no number of a database after the slash", hint)
	}
	r.Username = cmp.Or(r.Username, u.User.Username())
	r.TLS = u.Scheme == "rediss"
	r.Addresses = []string{net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "6379"))}
	return true
}
