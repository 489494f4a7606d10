// Package check holds the Kubernetes manifests of this project to the API that reads them, and to what they promise.
// It must never be imported by the proxy: it is a module of its own so that the proxy's stays free of Kubernetes.
// Only "go test ./..." in its folder calls it.
package check
