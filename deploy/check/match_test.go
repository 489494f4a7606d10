package check

import (
	"bytes"
	"encoding/json"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// proxyConfig is what the manifests must agree with. That the whole configuration is good is tested beside the code
// that reads it.
type proxyConfig struct {
	Listen struct{ Proxy, Admin string } `json:"listen"`
	Admin  struct {
		BasicAuth *struct{ Username string } `json:"basic_auth"`
	} `json:"admin"`
	Store store `json:"store"`
}

// store is the name of a file, or a section.
type store struct {
	file  string
	Redis *struct{ URL string }
}

func (s *store) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		return json.Unmarshal(text, &s.file)
	}
	type section store
	return json.Unmarshal(text, (*section)(s))
}

func (in *installation) config(t *testing.T) (text string, cfg proxyConfig) {
	t.Helper()
	if len(in.configMaps) != 1 {
		t.Fatalf("%d ConfigMaps", len(in.configMaps))
	}
	text = in.configMaps[0].Data["config.yaml"]
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	return text, cfg
}

// port finds a named port of the pod.
func port(pod *corev1.PodSpec, name string) (number int32, found bool) {
	for _, c := range containers(pod) {
		for _, p := range c.Ports {
			if p.Name == name {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}

func selects(t *testing.T, selector *metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !s.Empty() && s.Matches(labels.Set(of))
}

func TestSelectorsMeetTheirPods(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		in.pod(t)
		d := in.deployments[0]
		of := d.Spec.Template.Labels
		if !selects(t, d.Spec.Selector, of) {
			t.Error("the Deployment does not select its own pods")
		}
		for _, s := range in.services {
			if !selects(t, &metav1.LabelSelector{MatchLabels: s.Spec.Selector}, of) {
				t.Errorf("Service %s selects no pod", s.Name)
			}
		}
		for _, p := range in.policies {
			if !selects(t, &p.Spec.PodSelector, of) {
				t.Errorf("NetworkPolicy %s selects no pod", p.Name)
			}
		}
		for _, b := range in.budgets {
			if !selects(t, b.Spec.Selector, of) {
				t.Errorf("PodDisruptionBudget %s selects no pod", b.Name)
			}
		}
		if len(in.policies) == 0 {
			t.Error("no NetworkPolicy")
		}
	})
}

func TestPortsAreThoseTheConfigurationListensOn(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		pod := in.pod(t)
		_, cfg := in.config(t)
		for name, address := range map[string]string{"proxy": cfg.Listen.Proxy, "admin": cfg.Listen.Admin} {
			host, text, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			number, named := port(pod, name)
			if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
				if named {
					t.Errorf("port %s is named but listens on loopback", name)
				}
				continue
			}
			if !named || strconv.Itoa(int(number)) != text {
				t.Errorf("listen.%s is %s, the port named so is %d", name, address, number)
			}
		}
		for _, s := range in.services {
			for _, p := range s.Spec.Ports {
				if _, ok := port(pod, p.TargetPort.String()); !ok {
					t.Errorf("Service %s leads to port %s, which no container has", s.Name, p.TargetPort.String())
				}
			}
		}
		for _, p := range in.policies {
			for _, rule := range p.Spec.Ingress {
				checkIngressPorts(t, pod, rule.Ports)
			}
		}
	})
}

func checkIngressPorts(t *testing.T, pod *corev1.PodSpec, ports []networkingv1.NetworkPolicyPort) {
	t.Helper()
	if len(ports) == 0 {
		t.Error("a rule of the NetworkPolicy opens every port")
	}
	for _, p := range ports {
		if _, ok := port(pod, p.Port.String()); !ok {
			t.Errorf("the NetworkPolicy opens port %s, which no container has", p.Port.String())
		}
	}
}

func TestEveryMountHasItsVolumeAndEveryVolumeItsSource(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		pod := in.pod(t)
		volumes := map[string]corev1.Volume{}
		for _, v := range pod.Volumes {
			volumes[v.Name] = v
			if v.ConfigMap != nil && v.ConfigMap.Name != in.configMaps[0].Name {
				t.Errorf("volume %s is of the ConfigMap %s, which is not here", v.Name, v.ConfigMap.Name)
			}
			if c := v.PersistentVolumeClaim; c != nil && (len(in.claims) != 1 || in.claims[0].Name != c.ClaimName) {
				t.Errorf("volume %s is of the claim %s, which is not here", v.Name, c.ClaimName)
			}
		}
		mounted := map[string]bool{}
		for _, c := range containers(pod) {
			for _, m := range c.VolumeMounts {
				mounted[m.Name] = true
				if _, ok := volumes[m.Name]; !ok {
					t.Errorf("%s mounts %s, which is no volume", c.Name, m.Name)
				}
			}
		}
		for name := range volumes {
			if !mounted[name] {
				t.Errorf("volume %s is mounted nowhere", name)
			}
		}
	})
}

// files returns the paths at which the proxy finds the volumes of a kind.
func files(pod *corev1.PodSpec, c *corev1.Container, of func(corev1.Volume) []string) []string {
	var all []string
	for _, m := range c.VolumeMounts {
		for _, v := range pod.Volumes {
			if v.Name != m.Name {
				continue
			}
			for _, name := range of(v) {
				all = append(all, path.Join(m.MountPath, name))
			}
		}
	}
	return all
}

func TestTheConfigurationNamesTheFilesThatAreMounted(t *testing.T) {
	secretPath := regexp.MustCompile(`/run/secrets/[^\s,}\]]+`)
	each(t, func(t *testing.T, in *installation) {
		pod := in.pod(t)
		text, cfg := in.config(t)
		c := proxyOf(t, pod)
		mounted := files(pod, c, func(v corev1.Volume) (names []string) {
			if v.Secret == nil {
				return nil
			}
			for _, item := range v.Secret.Items {
				names = append(names, item.Path)
			}
			return names
		})
		named := secretPath.FindAllString(text, -1)
		slices.Sort(mounted)
		slices.Sort(named)
		if !slices.Equal(mounted, slices.Compact(named)) {
			t.Errorf("mounted %v, named %v", mounted, named)
		}
		configs := files(pod, c, func(v corev1.Volume) []string {
			if v.ConfigMap == nil {
				return nil
			}
			return []string{"config.yaml"}
		})
		if want := []string{"run", "--config", "/etc/docusign-auth-proxy/config.yaml"}; !slices.Equal(c.Args, want) ||
			!slices.Contains(configs, want[2]) {
			t.Errorf("started with %v, the configuration is at %v", c.Args, configs)
		}
		if cfg.Store.Redis == nil && !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
			return !m.ReadOnly && strings.HasPrefix(cfg.Store.file, m.MountPath+"/")
		}) {
			t.Errorf("store %s is on no volume that can be written", cfg.Store.file)
		}
	})
}

func TestAnOperationsListenerThatOthersReachAsksForALogin(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		_, cfg := in.config(t)
		if cfg.Admin.BasicAuth == nil {
			t.Error("no admin.basic_auth")
		}
	})
}

func TestTheGatewaysStateHasOneOwner(t *testing.T) {
	in := load(t, installations()["gateway"])
	in.pod(t)
	d := in.deployments[0].Spec
	if d.Replicas == nil || *d.Replicas != 1 || d.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		t.Error("two pods could want the state at a time")
	}
	if len(in.claims) != 1 || !slices.Equal(
		in.claims[0].Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod},
	) {
		t.Error("the claim lets more than one pod in")
	}
	if len(in.budgets) != 1 {
		t.Error("no PodDisruptionBudget")
	}
}

// shared runs a test on the installations that serve the pods of a namespace.
func shared(t *testing.T, test func(t *testing.T, in *installation)) {
	t.Helper()
	each(t, func(t *testing.T, in *installation) {
		if len(in.services) > 0 {
			test(t, in)
		}
	})
}

func TestReplicasShareAServerAndKeepNothing(t *testing.T) {
	found := 0
	each(t, func(t *testing.T, in *installation) {
		pod := in.pod(t)
		_, cfg := in.config(t)
		d := in.deployments[0].Spec
		if d.Replicas != nil && *d.Replicas > 1 != (cfg.Store.Redis != nil) {
			t.Errorf("%d replicas, store.redis is %v", *d.Replicas, cfg.Store.Redis)
		}
		if cfg.Store.Redis == nil {
			return
		}
		found++
		u := d.Strategy.RollingUpdate
		if *d.Replicas < 3 || u == nil || u.MaxUnavailable == nil || u.MaxUnavailable.String() != "0" {
			t.Error("fewer than three replicas, or one goes before the next is there")
		}
		if len(in.claims) > 0 || slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
			return v.ConfigMap == nil && v.Secret == nil && v.EmptyDir == nil
		}) {
			t.Error("a pod has something that another one has not")
		}
		if len(in.budgets) != 1 || in.budgets[0].Spec.MaxUnavailable.String() != "1" {
			t.Error("more than one replica may be taken away at a time")
		}
		for _, s := range pod.TopologySpreadConstraints {
			if !selects(t, s.LabelSelector, d.Template.Labels) {
				t.Errorf("what spreads over %s counts other pods", s.TopologyKey)
			}
		}
		if len(pod.TopologySpreadConstraints) == 0 || !strings.HasPrefix(cfg.Store.Redis.URL, "rediss://") {
			t.Error("all replicas may be on one node, or reach the store without TLS")
		}
	})
	if found == 0 {
		t.Error("no installation has replicas")
	}
}

func TestAGatewayIsReachedByListedPodsAndReachesDNSHTTPSAndItsStoreAlone(t *testing.T) {
	shared(t, func(t *testing.T, in *installation) {
		_, cfg := in.config(t)
		checkPolicy(t, in.policies[0].Spec, cfg.Store.Redis != nil)
	})
}

func checkPolicy(t *testing.T, p networkingv1.NetworkPolicySpec, reachesStore bool) {
	t.Helper()
	if !slices.Equal(p.PolicyTypes, []networkingv1.PolicyType{
		networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress,
	}) {
		t.Errorf("policy types %v", p.PolicyTypes)
	}
	for i, rule := range p.Ingress {
		if len(rule.From) == 0 {
			t.Errorf("ingress rule %d lets everybody in", i)
		}
		for _, from := range rule.From {
			if from.IPBlock != nil || emptySelector(from.PodSelector) && emptySelector(from.NamespaceSelector) {
				t.Errorf("ingress rule %d names no labels", i)
			}
		}
	}
	for i, rule := range p.Egress {
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Errorf("egress rule %d leads everywhere", i)
		}
		for _, to := range rule.To {
			checkEgress(t, to, rule.Ports, reachesStore)
		}
	}
}

func emptySelector(s *metav1.LabelSelector) bool {
	return s == nil || len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// checkEgress wants port 443 towards addresses, which leave out the private ones, the store's port towards pods of this
// namespace, and port 53 towards those of another one.
func checkEgress(
	t *testing.T, to networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, reachesStore bool,
) {
	t.Helper()
	want := intstr.FromInt32(53)
	if reachesStore && to.NamespaceSelector == nil {
		want = intstr.FromInt32(6379)
	}
	if to.IPBlock != nil {
		want = intstr.FromInt32(443)
		whole := netip.MustParsePrefix(to.IPBlock.CIDR)
		for _, ip := range []string{
			"10.0.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1", "::1", "fd00:ec2::254", "fe80::1",
		} {
			addr := netip.MustParseAddr(ip)
			if whole.Contains(addr) && !slices.ContainsFunc(to.IPBlock.Except, func(e string) bool {
				return netip.MustParsePrefix(e).Contains(addr)
			}) {
				t.Errorf("%s may be reached by %s", ip, to.IPBlock.CIDR)
			}
		}
	}
	for _, p := range ports {
		if p.Port == nil || *p.Port != want || p.EndPort != nil {
			t.Errorf("port %v is open, only %s should be", p.Port, want.String())
		}
	}
}

func TestPrometheusFindsAGatewayAndItsLogin(t *testing.T) {
	shared(t, findsLogin)
}

func findsLogin(t *testing.T, in *installation) {
	_, cfg := in.config(t)
	if len(in.serviceMonitors) != 1 || len(in.services) != 1 {
		t.Fatal("not one ServiceMonitor and one Service")
	}
	m, s := in.serviceMonitors[0].Spec, in.services[0]
	if !selects(t, &m.Selector, s.Labels) {
		t.Error("the ServiceMonitor does not select the Service")
	}
	if got := s.Labels[m.JobLabel]; got != proxyName {
		t.Errorf("the job is %q; dashboards and rules ask for %q", got, proxyName)
	}
	for _, e := range m.Endpoints {
		if e.Port != "admin" || e.Path != "/metrics" || !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Name == e.Port
		}) {
			t.Errorf("scrapes %s on port %s", e.Path, e.Port)
		}
		if e.BasicAuth == nil || cfg.Admin.BasicAuth == nil {
			t.Error("no login")
			continue
		}
		var secret *corev1.SecretVolumeSource
		for _, v := range in.pod(t).Volumes {
			if v.Secret != nil {
				secret = v.Secret
			}
		}
		if e.BasicAuth.Password.Name != secret.SecretName ||
			!slices.ContainsFunc(secret.Items, func(k corev1.KeyToPath) bool {
				return k.Key == e.BasicAuth.Password.Key
			}) {
			t.Errorf("the password is %v, not that of the configuration", e.BasicAuth.Password)
		}
		if e.BasicAuth.Username.Name != secret.SecretName {
			t.Errorf("the user is %v, not of the same Secret", e.BasicAuth.Username)
		}
	}
}
