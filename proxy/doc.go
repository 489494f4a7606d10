// Package proxy moves the bytes: listeners, CONNECT, interception, the sidecar and the one pipeline behind these
// doors. It never lets an inner Host header choose where a call goes, and never sends a call twice unless the first
// was refused before any work. Package cmd builds a Server from the configuration and runs it.
package proxy
