// Command generate writes the dashboards' JSON files, so that each query is written once. go generate runs it, with the
// folder of the files as its argument. It must never ask a server anything, nor know how a metric is counted: the tests
// of the proxy's module hold the files against its metrics and run every query on a real Prometheus.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if err := write(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, the folder of the JSON files, and not %q", args)
	}
	content, err := files()
	if err != nil {
		return err
	}
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(args[0], name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files gives the dashboards' files by name.
func files() (map[string][]byte, error) {
	all := map[string][]byte{}
	for name, make := range map[string]func() (dashboard.Dashboard, error){
		"migration.json": migration, "operations.json": operations,
	} {
		d, err := make()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = b.Bytes()
	}
	return all, nil
}
