package config

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

// Hash tells whether replicas decide about calls in the same way: configurations with the same meaning have the same
// one, however their files are written. What may differ between machines is not in it: addresses, paths, log, admin.
// key, which is store.key, keeps it from telling anything of the passwords in it.
func (c *Config) Hash(key []byte) string {
	derived, err := hkdf.Key(sha256.New, key, nil, "docusign-auth-proxy configuration hash", sha256.Size)
	if err != nil {
		panic(err) // only for a size that SHA-256 cannot give
	}
	namespace, authority := "", ""
	if c.Store.Redis != nil {
		namespace = c.Store.Redis.Namespace
	}
	if c.Interception != nil {
		authority = c.Interception.TLS + string(c.Interception.Authority.CertPEM())
	}
	m := meaning{key: derived}
	return hex.EncodeToString(m.digest("configuration",
		m.of("", c.Environment), m.of("", c.AccountServer), m.of("", c.Audience), m.of("", c.Site), m.of("", c.Unknown),
		m.of("", c.PinPassword), m.of("", c.Integrations), m.of("", c.Egress), m.of("", c.Credentials), m.of("", c.Limits),
		m.of("", authority), m.of("", namespace),
	)[:8])
}

// meaning makes digests of values of the schema, with one key.
type meaning struct{ key []byte }

func (m meaning) digest(sort string, parts ...[]byte) []byte {
	return secret.MAC(m.key, append([][]byte{[]byte(sort)}, parts...)...)
}

// inOrder tells the lists in which it counts what comes first.
func inOrder(field string) bool { return field == "private_keys" || field == "features" }

// ofMachine tells the fields that may differ between machines.
func ofMachine(field string) bool { return field == "spool_dir" }

// of gives the digest of what a field has.
func (m meaning) of(field string, value any) []byte {
	v := reflect.ValueOf(value)
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return m.digest("nothing")
	case v.Kind() == reflect.Slice:
		return m.digest("list", m.items(field, v)...)
	}
	switch v := value.(type) {
	case secret.Text:
		return m.digest("text", []byte(v.Reveal()))
	case password.Password:
		sum := v.Fingerprint()
		return m.digest("password", sum[:])
	case integration.PrivateKey:
		return m.digest("key", v.Key.N.Bytes())
	case fmt.Stringer:
		return m.digest("text", []byte(v.String()))
	}
	switch v.Kind() {
	case reflect.Pointer:
		return m.of(field, v.Elem().Interface())
	case reflect.Struct:
		return m.digest("section", m.fields(v)...)
	case reflect.Map:
		return m.digest("map", m.entries(v)...)
	}
	return m.digest("text", fmt.Append(nil, value))
}

func (m meaning) items(field string, v reflect.Value) (parts [][]byte) {
	for i := range v.Len() {
		parts = append(parts, m.of("", v.Index(i).Interface()))
	}
	if !inOrder(field) {
		slices.SortFunc(parts, slices.Compare)
	}
	return parts
}

// fields are those that stand in the file.
func (m meaning) fields(v reflect.Value) (parts [][]byte) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" && !ofMachine(name) {
			parts = append(parts, m.digest(name, m.of(name, v.Field(i).Interface())))
		}
	}
	return parts
}

func (m meaning) entries(v reflect.Value) (parts [][]byte) {
	for entries := v.MapRange(); entries.Next(); {
		parts = append(parts, m.digest("entry", m.of("", entries.Key().Interface()), m.of("", entries.Value().Interface())))
	}
	slices.SortFunc(parts, slices.Compare)
	return parts
}
