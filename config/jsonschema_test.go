package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// TestTheSchemaForEditorsIsCurrent holds the file that the examples name to what the program prints.
func TestTheSchemaForEditorsIsCurrent(t *testing.T) {
	if *update {
		compareGolden(t, SchemaFile, strings.TrimSuffix(string(must(Schema())), "\n"))
	}
	if !bytes.Equal(must(os.ReadFile(SchemaFile)), must(Schema())) {
		t.Errorf("%s is not what the program prints: go test ./config -run %s -update", SchemaFile, t.Name())
	}
}

// schema is compiled by a validator of somebody else's, which also holds it to the rules of draft 7.
var schema = sync.OnceValue(func() *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaFile, must(jsonschema.UnmarshalJSON(bytes.NewReader(must(Schema()))))); err != nil {
		panic(err)
	}
	return must(c.Compile(SchemaFile))
})

var errNotYAML = errors.New("not one YAML document")

// validate is what an editor does with a configuration.
func validate(data []byte) error {
	var doc, extra yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	switch err := documents.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return schema().Validate(map[string]any{})
	case err != nil || !errors.Is(documents.Decode(&extra), io.EOF):
		return errNotYAML
	}
	value, err := jsonOf(doc.Content[0])
	if err != nil {
		return err
	}
	if value == nil { // comments alone
		value = map[string]any{}
	}
	return schema().Validate(value)
}

// jsonOf sees a document as editors do: keys are texts, and so is what JSON has no type for.
func jsonOf(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return jsonOf(n.Alias)
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, again := object[key.Value]; again || key.Kind != yaml.ScalarNode {
				return nil, errNotYAML
			}
			value, err := jsonOf(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			object[key.Value] = value
		}
		return object, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, one := range n.Content {
			value, err := jsonOf(one)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	var value any
	if !plainTag(n) || n.Decode(&value) != nil {
		return nil, errNotYAML
	}
	switch v := value.(type) {
	case time.Time:
		return n.Value, nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return n.Value, nil
		}
	}
	return value, nil
}

// onlyCheckKnows are the bad files whose fault ties keys together or lies in another file: no schema can tell it.
func onlyCheckKnows() map[string]string {
	const (
		otherFile = "what is wrong stands in a file that is named"
		together  = "each key is good, and they do not go together"
		names     = "it is text, and names no host that can be used"
	)
	return map[string]string{
		"custom": together, "fold": together, "forward-auth-open": together, "hosts-numbers": names, "interception-leaf": otherFile,
		"interception-pair": otherFile, "interception-swapped": otherFile, "interception-weak": otherFile,
		"listeners": together, "many-keys": "a number of keys that makes no sense", "mixed-demo": names,
		"mixed-production": names, "same-address": together, "same-localhost": together, "same-port": together,
		"store-addresses": names, "store-key-absent": otherFile, "store-key-short": otherFile, "store-keys": together,
		"store-nowhere": together, "store-password-in-url": names, "store-plaintext": together,
		"store-tls-files": otherFile, "store-topology": together, "store-url-and-more": together,
		"store-url-database": names, "store-url-host": names, "store-url-query": names, "store-url-scheme": names,
		"upstream-password": together, "upstream-two": together, "upstream-user": together,
		"windows-line-end": otherFile,
	}
}

func TestTheSchemaTellsGoodFilesFromBadOnes(t *testing.T) {
	beyond := onlyCheckKnows()
	for _, file := range must(filepath.Glob("testdata/*.yml")) {
		name, kind, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".yml"), ".")
		t.Run(name+"."+kind, func(t *testing.T) {
			err := validate(must(os.ReadFile(file)))
			reason := beyond[name]
			switch {
			case kind == "good" && err != nil:
				t.Errorf("a good file is refused: %v", err)
			case kind == "bad" && err == nil && reason == "":
				t.Error("a bad file is taken")
			case kind == "bad" && err != nil && reason != "":
				t.Errorf("the schema tells the fault after all: %v", err)
			}
			if kind == "bad" {
				delete(beyond, name)
			}
		})
	}
	if len(beyond) > 0 {
		t.Errorf("no files: %v", beyond)
	}
}

func TestTheSchemaTakesTheExamples(t *testing.T) {
	for name, text := range examples() {
		if err := validate([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, pattern := range []string{"../deploy/*/config.yaml", "../deploy/*/config/*.yaml", "../dashboards/proxy.yaml"} {
		files := must(filepath.Glob(pattern))
		if len(files) == 0 {
			t.Errorf("no file is %s", pattern)
		}
		for _, file := range files {
			holdExample(t, file)
		}
	}
	_, readme, _ := strings.Cut(string(must(os.ReadFile("../README.md"))), "```yaml\n")
	readme, _, found := strings.Cut(readme, "```")
	if err := validate([]byte(readme)); err != nil || !found {
		t.Errorf("README.md: %v", err)
	}
	for _, file := range must(filepath.Glob("../deploy/kubernetes/*.yaml")) {
		for _, text := range configMaps(t, must(os.ReadFile(file))) {
			if err := validate([]byte(text)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// configMaps are the configurations in a manifest. A header line would be of no use in them.
func configMaps(t *testing.T, manifest []byte) (texts []string) {
	t.Helper()
	for objects := yaml.NewDecoder(bytes.NewReader(manifest)); ; {
		var o struct {
			Kind string
			Data map[string]string
		}
		err := objects.Decode(&o)
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind == "ConfigMap" {
			texts = append(texts, o.Data["config.yaml"])
		}
	}
}

// holdExample also follows the header line, as an editor does.
func holdExample(t *testing.T, file string) {
	t.Helper()
	data := must(os.ReadFile(file))
	if err := validate(data); err != nil {
		t.Errorf("%s: %v", file, err)
	}
	named, ok := strings.CutPrefix(strings.SplitN(string(data), "\n", 2)[0], SchemaHeader(""))
	found, err := os.Stat(filepath.Join(filepath.Dir(file), named))
	if !ok || err != nil || !os.SameFile(found, must(os.Stat(SchemaFile))) {
		t.Errorf("%s does not begin with the header line that leads to %s: %v", file, SchemaFile, err)
	}
}

// TestSchemaAndDecoderAgree puts every sample at every key of the good files, and asks both.
func TestSchemaAndDecoderAgree(t *testing.T) {
	samples := []string{
		`~`, `""`, `true`, `"true"`, `yes`, `0`, `"0"`, `1`, `-1`, `100`, `1.5`, `2026-01-02`, `text`, `"two words"`, `"a:b"`,
		`10s`, `1h30m`, `"-0"`, `.5h`, `64KiB`, `"64 KiB"`, `10MB`, `10.1.2.3`, `10.1.2.0/24`, `"fd00::/8"`, `"[::1]:53"`,
		`https://example.com`, `HTTPS://example.com/`, `http://user@example.com`, `https://example.com/path`, `ftp://x`,
		`example.com:443`, `anna@example.com`, `"*"`, `a1b2c3d4-0000-4000-8000-000000000020`,
		`DOCU-a1b2c3d4-0000-4000-8000-000000000020`, strings.Repeat("1", 64), strings.Repeat("f", 64), `UTC`, `demo`, `rest`,
		`[]`, `[~]`, `[text]`, `[1]`, `[[]]`, `[{}]`, `[a1b2c3d4-0000-4000-8000-000000000020]`, `{}`, `{file: key.pem}`,
		`{file: ~}`, `{env: A, file: ""}`, `{env: A, file: b}`, `{other: 1}`, `{"1": a1b2c3d4-0000-4000-8000-000000000020}`,
		`!binary aGVsbG8=`, `!!str 5`, `!!int "5"`,
	}
	seen, number := map[string]bool{}, regexp.MustCompile(`\[\d+\]`)
	for _, file := range must(filepath.Glob("testdata/*.good.yml")) {
		root := parsed(t, must(os.ReadFile(file)))
		all := places(root)
		keys, given := all["integrations[0].oauth.private_keys"], []*yaml.Node(nil)
		if keys != nil {
			given = keys.Content
		}
		for _, path := range slices.Sorted(maps.Keys(all)) {
			key := number.ReplaceAllString(path, "[]")
			if seen[key] {
				continue
			}
			seen[key] = true
			if keys != nil { // reading keys is slow
				keys.Content = given[:0:0]
				if strings.Contains(key, "private_keys[") {
					keys.Content = given
				}
			}
			before := *all[path]
			for _, sample := range samples {
				*all[path] = *parsed(t, []byte(sample))
				compareVerdicts(t, filepath.Base(file)+" "+path+": "+sample, root)
			}
			*all[path] = before
		}
	}
}

func parsed(t *testing.T, data []byte) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

// places are all values of a document by their path. An anchor's value is left: others need it.
func places(root *yaml.Node) map[string]*yaml.Node {
	all := map[string]*yaml.Node{}
	var visit func(path string, n *yaml.Node)
	visit = func(path string, n *yaml.Node) {
		if n.Anchor == "" && path != "" && n.Kind != yaml.AliasNode {
			all[path] = n
		}
		for i, one := range n.Content {
			switch {
			case n.Kind == yaml.SequenceNode:
				visit(item(path, i), one)
			case i%2 == 1:
				visit(child(path, n.Content[i-1].Value), one)
			}
		}
	}
	visit("", root)
	return all
}

// compareVerdicts fails where the decoder takes what the schema refuses, and where the schema takes a value of a kind
// or a key that the decoder does not know. The bounds of values with units, and texts with a grammar of their own, are
// left to the decoder.
func compareVerdicts(t *testing.T, what string, root *yaml.Node) {
	t.Helper()
	s := &sources{newReport("proxy.yml"), machine(t), digests{}, map[string]bool{}}
	decodeConfig(s, root, Default())
	value, err := jsonOf(root)
	if err == nil {
		err = schema().Validate(value)
	}
	if err != nil && len(s.problems) == 0 {
		t.Errorf("%s: the decoder takes it, the schema says %v", what, err)
	}
	for _, p := range s.problems {
		structural := p.Message == "unknown key" || p.Message == "is missing" || p.Message == "is empty" ||
			strings.HasPrefix(p.Message, "needs exactly one") || strings.Contains(p.Message, ", not ")
		if err == nil && structural {
			t.Errorf("%s: the schema takes it, the decoder says %v", what, p)
		}
	}
}

// FuzzSchema looks for a file that the program takes and an editor marks.
func FuzzSchema(f *testing.F) {
	for _, file := range must(filepath.Glob("testdata/*.yml")) {
		f.Add(must(os.ReadFile(file)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Parse(data, "proxy.yml", machine(t)); err != nil {
			return
		}
		if err := validate(data); err != nil {
			t.Errorf("%v\n%s", err, data)
		}
	})
}

func TestTheSchemaTellsWhatTheReferenceTells(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(must(Schema()), &s); err != nil {
		t.Fatal(err)
	}
	for _, f := range reference() {
		at := s
		for key := range strings.SplitSeq(strings.ReplaceAll(f.path, "[]", ".[]"), ".") {
			if key == "[]" {
				at, _ = at["items"].(map[string]any)
				continue
			}
			properties, _ := at["properties"].(map[string]any)
			at, _ = properties[key].(map[string]any)
		}
		if strings.HasSuffix(f.path, "[]") { // the words are those of the list
			continue
		}
		if words, _ := at["description"].(string); !strings.HasPrefix(words, f.doc) {
			t.Errorf("%s is described as %q", f.path, words)
		}
	}
}
