// Command generate writes the dashboards' JSON files from package dashboards, for go generate.
// It must never change anything but those files. Nobody else calls it: Grafana reads what it wrote.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"docusign-auth-proxy/dashboards"
)

func main() {
	dir := "." // go generate runs in the package's own folder
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := write(dir); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	files, err := dashboards.Files()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
