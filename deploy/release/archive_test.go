package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// packedFile is one of an archive.
type packedFile struct {
	name, owner string
	mode        fs.FileMode
	time        time.Time
	data        []byte
}

func (f fixture) published(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(f.out, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unpack reads the archive of a platform.
func (f fixture) unpack(t *testing.T, p target) (folder string, files []packedFile) {
	t.Helper()
	folder = fmt.Sprintf("docusign-auth-proxy_%s_%s_%s", f.version, p.os, p.arch)
	read := func(r io.Reader, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if p.os == "windows" {
		packed := f.published(t, folder+".zip")
		r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range r.File {
			files = append(files, packedFile{entry.Name, "root", entry.Mode(), entry.Modified, read(entry.Open())})
		}
		return folder, files
	}
	gz, err := gzip.NewReader(bytes.NewReader(f.published(t, folder+".tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if err == io.EOF {
			return folder, files
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, packedFile{h.Name, h.Uname, h.FileInfo().Mode(), h.ModTime, read(r, nil)})
	}
}

func TestAnArchiveHasWhatAnOperatorNeedsOffline(t *testing.T) {
	f := theRelease(t)
	for _, p := range targets() {
		t.Run(p.String(), func(t *testing.T) {
			folder, files := f.unpack(t, p)
			wanted := []string{
				p.program(), "README.md", "CHANGELOG.md", "SECURITY.md", "THIRD-PARTY-LICENSES.txt", "docs/runbook.md",
				"deploy/systemd/docusign-auth-proxy.service", "deploy/windows/config.yaml", "dashboards/operations.json",
				"dashboards/prometheus/alerts.rules.yml", "config/docusign-auth-proxy.schema.json",
			}
			if p.os == "windows" {
				wanted = append(wanted, "MANUAL.txt", "completions/docusign-auth-proxy.ps1")
			} else {
				wanted = append(wanted, "man/docusign-auth-proxy-run.1", "completions/docusign-auth-proxy.bash",
					"completions/_docusign-auth-proxy", "completions/docusign-auth-proxy.fish")
			}
			var names []string
			for _, file := range files {
				name := strings.TrimPrefix(file.name, folder+"/")
				names = append(names, name)
				mode := fs.FileMode(0o644)
				if name == p.program() {
					mode = 0o755
				}
				if file.mode != mode || file.owner != "root" || !file.time.Equal(f.time) {
					t.Errorf("%s is %v of %s at %v", name, file.mode, file.owner, file.time)
				}
				if lines := bytes.Count(file.data, []byte("\n")); p.os == "windows" && name != p.program() &&
					bytes.Count(file.data, []byte("\r\n")) != lines {
					t.Errorf("%s has lines that Windows' editor does not end", name)
				}
				if strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".pem") || strings.HasPrefix(name, "/") {
					t.Errorf("%s is nothing for an operator", name)
				}
			}
			if !slices.IsSorted(names) {
				t.Error("the files are not sorted")
			}
			for _, w := range wanted {
				if !slices.Contains(names, w) {
					t.Errorf("%s is missing", w)
				}
			}
		})
	}
}

func TestTheDocumentsOfAnArchiveLeadNowhereElse(t *testing.T) {
	f := theRelease(t)
	for file, text := range f.docs {
		if path.Ext(file) != ".md" {
			continue
		}
		for _, link := range regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`).FindAllSubmatch(text, -1) {
			to := path.Join(path.Dir(file), string(link[1]))
			there := f.docs[to] != nil
			for other := range f.docs {
				there = there || strings.HasPrefix(other, to+"/")
			}
			if !there {
				t.Errorf("%s leads to %s, which is not in the archive", file, to)
			}
		}
	}
}

func TestEveryBinaryIsStaticAndKnowsItsVersion(t *testing.T) {
	f := theRelease(t)
	for _, p := range targets() {
		info, err := buildinfo.ReadFile(f.binary(p))
		if err != nil {
			t.Fatal(err)
		}
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if settings["GOOS"] != p.os || settings["GOARCH"] != p.arch || settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
			t.Errorf("%s: built with %v", p, settings)
		}
		data, err := os.ReadFile(f.binary(p))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte(f.version+"@"+f.commit)) {
			t.Errorf("%s: the version is not in the binary", p)
		}
		if bytes.Contains(data, []byte(f.root)) {
			t.Errorf("%s: the binary tells the folder in which it was built", p)
		}
		if p.os != "linux" {
			continue
		}
		program, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range program.Progs {
			if part.Type == elf.PT_INTERP {
				t.Errorf("%s: the binary needs a loader, it is not static", p)
			}
		}
	}
	said := tool(t, f.binary(f.here), "version")
	if want := "docusign-auth-proxy " + f.version + " (commit " + f.commit + ", "; !strings.HasPrefix(said, want) {
		t.Errorf("version says %q, want %q", said, want)
	}
}

func TestEveryPublishedFileHasItsChecksum(t *testing.T) {
	f := theRelease(t)
	listed := map[string]string{}
	for line := range strings.Lines(string(f.published(t, sums))) {
		sum, file, _ := strings.Cut(strings.TrimSpace(line), "  ")
		listed[file] = sum
	}
	entries, err := os.ReadDir(f.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == sums {
			continue
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(f.published(t, e.Name()))); got != listed[e.Name()] {
			t.Errorf("%s has %s, the list says %q", e.Name(), got, listed[e.Name()])
		}
	}
	if len(listed) != 6+6+4 {
		t.Errorf("%d files are listed, want six archives, six bills and four packages: %v", len(listed), listed)
	}
	needTool(t, "sha256sum")
	tool(t, "sh", "-c", `cd "$0" && sha256sum --quiet --strict -c SHA256SUMS`, f.out)
}

// The list of modules is Go's own, as "go version -m" prints it.
func TestABillNamesEveryModuleOfItsBinary(t *testing.T) {
	f := theRelease(t)
	schema := cycloneDX(t)
	for _, p := range targets() {
		text := f.published(t, fmt.Sprintf("docusign-auth-proxy_%s_%s_%s.cdx.json", f.version, p.os, p.arch))
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		var bom cyclonedx.BOM
		if err := json.Unmarshal(text, &bom); err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for _, c := range *bom.Components {
			named[c.Name+" "+c.Version] = true
		}
		program := f.binary(p)
		want := 0
		for line := range strings.Lines(tool(t, "go", "version", "-m", program)) {
			words := strings.Fields(line)
			if words[0] == program+":" {
				words = []string{"dep", "std", strings.TrimPrefix(words[1], "go")}
			}
			if words[0] != "dep" {
				continue
			}
			want++
			if !named[words[1]+" "+words[2]] {
				t.Errorf("%s: %s %s is missing", p, words[1], words[2])
			}
		}
		if want != len(named) || want < 20 {
			t.Errorf("%s: %d modules in the bill, %d in the binary", p, len(named), want)
		}
		data, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if got := (*bom.Metadata.Component.Hashes)[0].Value; got != fmt.Sprintf("%x", sha256.Sum256(data)) {
			t.Errorf("%s: the bill is of a binary with the checksum %s", p, got)
		}
	}
}

// cycloneDX compiles the schema that comes with the library.
func cycloneDX(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir := strings.TrimSpace(tool(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go"))
	compiler := jsonschema.NewCompiler()
	for url, file := range map[string]string{
		"http://cyclonedx.org/schema/bom-1.6.schema.json":  "bom-1.6.schema.json",
		"http://cyclonedx.org/schema/spdx.schema.json":     "spdx.schema.json",
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		text, err := os.ReadFile(filepath.Join(dir, "schema", file))
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(url, document); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
