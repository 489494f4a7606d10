package upstream

import (
	"net/http"
	"strings"
)

// DropForwarded takes out what proxies in front of this one have said of themselves and of the program's machine:
// inside addresses and names, which are none of DocuSign's business (RFC 7239 §8.3).
func DropForwarded(h http.Header) {
	for name := range h {
		if isForwarded(name) {
			delete(h, name)
		}
	}
}

// KeepForwarded restores the fields that httputil removes before Rewrite.
func KeepForwarded(out, in http.Header) {
	for name, v := range in {
		if isForwarded(name) {
			out[name] = v
		}
	}
}

// isForwarded knows the fields by their canonical names, and those that only add something behind X-Forwarded by their
// beginning.
func isForwarded(name string) bool {
	switch name {
	case "Via", "Forwarded", "Forwarded-For", "Forwarded-For-Ip", "X-Forwarded", "X-Forwarder-For",
		"Client-Ip", "X-Client-Ip", "X-Clientip", "True-Client-Ip", "X-True-Client-Ip", "X-Cluster-Client-Ip",
		"Fastly-Client-Ip", "Proxy-Client-Ip", "Wl-Proxy-Client-Ip", "X-Proxyuser-Ip", "Cf-Connecting-Ip",
		"Cf-Connecting-Ipv6", "X-Azure-Clientip", "X-Azure-Socketip", "X-Envoy-External-Address",
		"X-Real-Ip", "X-Remote-Ip", "X-Remote-Addr", "X-Originating-Ip",
		"X-Original-For", "X-Original-Host", "X-Original-Proto", "X-Original-Forwarded-For":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}
