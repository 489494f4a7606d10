package authority

import "crypto/tls"

// Profile says which TLS the proxy offers to the old programs. It never concerns the way to DocuSign.
type Profile int

const (
	// Modern is TLS 1.2 and 1.3 with forward secrecy: the suites that are Go's default.
	Modern Profile = iota
	// Legacy also takes TLS 1.0 and 1.1, RSA key exchange and 3DES, for stacks such as Java 6 and .NET 3.5.
	// The danger: such a session has no forward secrecy, so keep the listener on loopback or on a trusted network.
	// An SSLv2-format hello (Java 6 unless https.protocols=TLSv1) and SSL 3.0 are not spoken by crypto/tls at all.
	Legacy
)

// apply sets versions and suites outright. crypto/tls asks GODEBUG (tls10server, tlsrsakex, tls3des) only about fields
// left at zero, so neither profile depends on the environment or on a go:debug line in main.
func (p Profile) apply(c *tls.Config) {
	c.MinVersion = tls.VersionTLS12
	c.CipherSuites = modernSuites()
	if p == Legacy {
		c.MinVersion = tls.VersionTLS10
		c.CipherSuites = append(c.CipherSuites, legacySuites()...)
	}
}

// http2Suites are those of TLS 1.2 that HTTP/2 does not prohibit (RFC 9113, appendix A). crypto/tls prefers them to
// others.
func http2Suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// modernSuites are for TLS 1.2; those of TLS 1.3 are not configurable. The order does not matter: crypto/tls has its
// own.
func modernSuites() []uint16 {
	return append(http2Suites(),
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	)
}

// legacySuites are what Legacy adds, without RC4 (RFC 7465) and the CBC-SHA256 suites (no constant-time code):
// no client seen needs those.
func legacySuites() []uint16 {
	return []uint16{
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
		tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	}
}
