// Package dashboards describes the two Grafana dashboards, so that each query is written once and the JSON files follow from it.
// It must never ask a server anything, nor know how a metric is counted: names and labels are metrics.Names'.
// The command in generate writes its files; the tests run every query against a real Prometheus.
package dashboards

//go:generate go run ./generate
