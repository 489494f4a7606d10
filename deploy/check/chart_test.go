package check

import (
	"bytes"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

const chart = "../helm/docusign-auth-proxy"

// rendered is what a release of the chart, with the name of the program, brings.
func rendered(t *testing.T, values map[string]any) []byte {
	t.Helper()
	c, err := loader.Load(chart)
	if err != nil {
		t.Fatal(err)
	}
	release := chartutil.ReleaseOptions{Name: proxyName, Namespace: "programs", IsInstall: true, Revision: 1}
	given, err := chartutil.ToRenderValues(c, values, release, nil)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := engine.Engine{Strict: true}.Render(c, given)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if text := strings.TrimSpace(texts[name]); text != "" && path.Ext(name) == ".yaml" {
			all = append(all, "---\n"+text+"\n"...)
		}
	}
	return all
}

// TestTheChartBringsWhatTheManifestBrings compares all but the label by which Helm tells releases apart.
func TestTheChartBringsWhatTheManifestBrings(t *testing.T) {
	manifest := objects(t, installations()["replicas"]...)
	released := objects(t, chart)
	for name, want := range manifest {
		if got := released[name]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the chart brings\n%v\nthe manifest\n%v", name, got, want)
		}
	}
	if len(released) != len(manifest) {
		t.Errorf("the chart brings %d objects, the manifest %d", len(released), len(manifest))
	}
}

// objects are the parsed objects of files by kind and name; a configuration in one is parsed too.
func objects(t *testing.T, files ...string) map[string]any {
	t.Helper()
	instance := regexp.MustCompile(`(?m)^ +app.kubernetes.io/instance: .*\n`)
	all := map[string]any{}
	for _, name := range files {
		for _, doc := range documents(t, name) {
			var o map[string]any
			if err := yaml.Unmarshal(instance.ReplaceAll(doc, nil), &o); err != nil {
				t.Fatal(err)
			}
			if data, ok := o["data"].(map[string]any); ok {
				var cfg any
				if err := yaml.Unmarshal([]byte(data["config.yaml"].(string)), &cfg); err != nil {
					t.Fatal(err)
				}
				data["config.yaml"] = cfg
			}
			all[o["kind"].(string)] = o
		}
	}
	return all
}

func TestValuesReachWhatTheyAreFor(t *testing.T) {
	const key = "other.key"
	text := rendered(t, map[string]any{
		"image": map[string]any{"name": "registry.example/proxy@sha256:1"}, "replicas": 5,
		"config": map[string]any{"environment": "production", "interception": nil},
		"secret": map[string]any{"name": "keys", "keys": []any{key}}, "serviceMonitor": map[string]any{"enabled": false},
		"network": map[string]any{
			"storePort": 6380, "store": []any{map[string]any{"ipBlock": map[string]any{"cidr": "10.20.0.5/32"}}},
		},
		"documents": "5Gi", "goMemoryLimit": "700MiB", "terminationGracePeriodSeconds": 90,
		"resources": map[string]any{"limits": map[string]any{"memory": "1Gi"}},
	})
	for _, doc := range bytes.Split(text, []byte("---\n"))[1:] {
		if _, err := yaml.YAMLToJSONStrict(doc); err != nil {
			t.Errorf("%v\n%s", err, doc)
		}
	}
	for _, want := range []string{
		"image: registry.example/proxy@sha256:1", "replicas: 5", "environment: production", "secretName: keys",
		"{key: other.key, path: other.key}", "port: 6380", `"cidr":"10.20.0.5/32"`, "sizeLimit: 5Gi", `value: "700MiB"`,
		"terminationGracePeriodSeconds: 90", `"memory":"1Gi"`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	for _, gone := range []string{"ca_cert", "ServiceMonitor", "key.pem, path", "podSelector: {matchLabels: redis"} {
		if bytes.Contains(text, []byte(gone)) {
			t.Errorf("%s is there", gone)
		}
	}
}
