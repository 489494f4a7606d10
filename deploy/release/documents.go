package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// documents are the files that go with a binary, by their path in an archive.
type documents map[string][]byte

const (
	licenses = "THIRD-PARTY-LICENSES.txt"
	manual   = "MANUAL.txt"
)

// documents reads what an operator needs without a network, at the places where the documents' links expect it, and has
// this machine's binary write the rest.
func (r release) documents(ctx context.Context, here target, built ...target) (documents, error) {
	docs := documents{}
	names, err := r.tracked(ctx, "README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE", "Dockerfile",
		"docs", "deploy", "dashboards", "config/docusign-auth-proxy.schema.json")
	if err != nil {
		return nil, err
	}
	for _, file := range names {
		if forDevelopers(file) {
			continue
		}
		if docs[file], err = os.ReadFile(filepath.Join(r.root, file)); err != nil {
			return nil, err
		}
	}
	if docs[licenses], err = r.licenses(ctx, built); err != nil {
		return nil, err
	}
	return docs, r.written(ctx, here, docs)
}

// forDevelopers tells files of the folders above that only a checkout can use.
func forDevelopers(file string) bool {
	for _, folder := range []string{"deploy/check/", "deploy/release/", "dashboards/generate/"} {
		if strings.HasPrefix(file, folder) {
			return true
		}
	}
	return strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.yml") || strings.Contains(file, "/testdata/")
}

// written adds manual pages, the same as help texts for Windows, and completions.
func (r release) written(ctx context.Context, here target, docs documents) error {
	program := r.binary(here)
	pages, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(pages)
	date := fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix())
	if _, err := output(ctx, pages, []string{date}, program, "manual", "--dir", pages); err != nil {
		return err
	}
	files, err := os.ReadDir(pages)
	if err != nil {
		return err
	}
	for _, f := range files {
		if docs["man/"+f.Name()], err = os.ReadFile(filepath.Join(pages, f.Name())); err != nil {
			return err
		}
	}
	if docs[manual], err = helpTexts(ctx, program, docs); err != nil {
		return err
	}
	for shell, file := range map[string]string{
		"bash": name + ".bash", "zsh": "_" + name, "fish": name + ".fish", "powershell": name + ".ps1",
	} {
		script, err := output(ctx, pages, nil, program, "completion", shell)
		if err != nil {
			return err
		}
		docs["completions/"+file] = []byte(script + "\n")
	}
	return nil
}

// helpTexts are the manual for those who have no "man": each command's help, in the order of the pages.
func helpTexts(ctx context.Context, program string, docs documents) ([]byte, error) {
	command := regexp.MustCompile(`(?m)^\\fB(` + name + `[a-z -]*).*\\fP$`)
	var all bytes.Buffer
	for _, page := range slices.Sorted(maps.Keys(docs)) {
		if !strings.HasPrefix(page, "man/") {
			continue
		}
		synopsis := command.FindSubmatch(docs[page])
		if synopsis == nil {
			return nil, fmt.Errorf("%s names no command", page)
		}
		words := strings.Fields(string(synopsis[1]))
		help, err := output(ctx, "", nil, program, append(words[1:], "--help")...)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&all, "==== %s\n\n%s\n\n", strings.Join(words, " "), help)
	}
	return all.Bytes(), nil
}

// licenses has the texts that the modules in the binaries ask to be passed on, and Go's own.
func (r release) licenses(ctx context.Context, built []target) ([]byte, error) {
	var modules []string
	for _, t := range built {
		info, err := buildinfo.ReadFile(r.binary(t))
		if err != nil {
			return nil, err
		}
		for _, d := range info.Deps {
			modules = append(modules, d.Path)
		}
	}
	slices.Sort(modules)
	modules = slices.Compact(modules)
	list, err := output(ctx, r.root, []string{"GOFLAGS=-mod=readonly", "GOWORK=off"}, "go",
		append([]string{"list", "-m", "-f", "{{.Path}} {{.Version}}\t{{.Dir}}"}, modules...)...)
	if err != nil {
		return nil, err
	}
	home, err := output(ctx, r.root, nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for line := range strings.Lines("Go\t" + home + "\n" + list + "\n") {
		module, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if err := addLicenses(&all, module, dir); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

func addLicenses(all *bytes.Buffer, module, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("licence of %s: %w", module, err)
	}
	license, found := regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`), false
	for _, e := range entries {
		if e.IsDir() || !license.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(all, "==== %s: %s\n\n%s\n", module, e.Name(), text)
		found = true
	}
	if !found {
		return fmt.Errorf("%s has no licence that could be passed on", module)
	}
	return nil
}
