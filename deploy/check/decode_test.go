package check

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const folder = "../kubernetes"

// installations are the files that are applied together. The chart is one name for all that it renders.
func installations() map[string][]string {
	return map[string][]string{
		"sidecar": {"sidecar.yaml"}, "gateway": {"gateway.yaml", "servicemonitor.yaml"},
		"replicas": {"replicas.yaml", "servicemonitor.yaml"}, "chart": {chart},
	}
}

// installation is what one "kubectl apply" brings, by kind.
type installation struct {
	configMaps      []*corev1.ConfigMap
	claims          []*corev1.PersistentVolumeClaim
	deployments     []*appsv1.Deployment
	services        []*corev1.Service
	policies        []*networkingv1.NetworkPolicy
	budgets         []*policyv1.PodDisruptionBudget
	serviceMonitors []*monitoringv1.ServiceMonitor
}

// strict refuses unknown fields, repeated ones and wrong case, as the API server does when asked to.
func strict(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, monitoringv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return json.NewSerializerWithOptions(
		json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true},
	)
}

func documents(t *testing.T, name string) [][]byte {
	t.Helper()
	var data []byte
	if name == chart {
		data = rendered(t, nil)
	} else {
		var err error
		if data, err = os.ReadFile(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	var all [][]byte
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, doc)
	}
}

func load(t *testing.T, files []string) *installation {
	t.Helper()
	in, decoder := &installation{}, strict(t)
	for _, name := range files {
		for i, doc := range documents(t, name) {
			object, kind, err := decoder.Decode(doc, nil, nil)
			if err != nil {
				t.Fatalf("%s, document %d: %v", name, i+1, err)
			}
			if !in.add(object) {
				t.Errorf(
					"%s, document %d: %s is not a kind this test knows; in particular no Secret may stand in a manifest", name, i+1,
					kind,
				)
			}
			if meta := object.(metav1.Object); meta.GetNamespace() != "" {
				t.Errorf("%s: %s/%s names a namespace, which is the operator's choice", name, kind.Kind, meta.GetName())
			}
		}
	}
	return in
}

func (in *installation) add(object runtime.Object) bool {
	switch o := object.(type) {
	case *corev1.ConfigMap:
		in.configMaps = append(in.configMaps, o)
	case *corev1.PersistentVolumeClaim:
		in.claims = append(in.claims, o)
	case *appsv1.Deployment:
		in.deployments = append(in.deployments, o)
	case *corev1.Service:
		in.services = append(in.services, o)
	case *networkingv1.NetworkPolicy:
		in.policies = append(in.policies, o)
	case *policyv1.PodDisruptionBudget:
		in.budgets = append(in.budgets, o)
	case *monitoringv1.ServiceMonitor:
		in.serviceMonitors = append(in.serviceMonitors, o)
	default:
		return false
	}
	return true
}

func TestEveryManifestBelongsToAnInstallationAndDecodesStrictly(t *testing.T) {
	known := map[string]bool{}
	for name, files := range installations() {
		t.Run(name, func(t *testing.T) { load(t, files) })
		for _, f := range files {
			known[f] = true
		}
	}
	found, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if strings.HasSuffix(f.Name(), ".yaml") && !known[f.Name()] {
			t.Errorf("%s is checked by nothing", f.Name())
		}
	}
}

func TestTheDecoderRefusesWhatTheAPIDoesNotKnow(t *testing.T) {
	const head = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
	for _, tt := range []struct{ name, text string }{
		{"an unknown field", head + "spec: {portz: []}\n"},
		{"a field in wrong case", head + "spec: {clusterip: 10.0.0.1}\n"},
		{"a repeated field", head + "spec: {type: ClusterIP, type: NodePort}\n"},
		{"a value of the wrong type", head + "spec: {ports: http}\n"},
		{"an unknown kind", "apiVersion: v1\nkind: Servise\nmetadata: {name: a}\n"},
		{"an outdated version", "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: a}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := strict(t).Decode([]byte(tt.text), nil, nil); err == nil {
				t.Error("was taken")
			}
		})
	}
}
