// Package dashboards holds the two Grafana dashboards and the Prometheus rules, and the tests that hold them against
// the proxy's metrics and run every query on a real Prometheus. The command in generate, a module of its own, writes
// the JSON files. It has no code for others to call.
package dashboards

//go:generate go run -C generate . ..
