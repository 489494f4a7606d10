// Package conn holds callers' connections until a call on them reaches the pipeline: their places, the TLS handshake,
// the framing of a request's head and body, and what went wrong with those that never became a call. It must read no
// call's meaning and never close a connection under a call that is proven. Package proxy serves its Front.
package conn
