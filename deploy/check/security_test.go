package check

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const proxyName = "docusign-auth-proxy"

// each runs a test on every installation.
func each(t *testing.T, test func(t *testing.T, in *installation)) {
	t.Helper()
	for name, files := range installations() {
		t.Run(name, func(t *testing.T) { test(t, load(t, files)) })
	}
}

// pod returns the one pod of an installation.
func (in *installation) pod(t *testing.T) *corev1.PodSpec {
	t.Helper()
	if len(in.deployments) != 1 {
		t.Fatalf("%d deployments", len(in.deployments))
	}
	return &in.deployments[0].Spec.Template.Spec
}

func containers(pod *corev1.PodSpec) []corev1.Container {
	return slices.Concat(pod.InitContainers, pod.Containers)
}

func proxyOf(t *testing.T, pod *corev1.PodSpec) *corev1.Container {
	t.Helper()
	for _, c := range containers(pod) {
		if c.Name == proxyName {
			return &c
		}
	}
	t.Fatal("no container of the proxy")
	return nil
}

func is(value *bool, want bool) bool { return value != nil && *value == want }

func TestThePodSharesNothingWithItsNode(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		pod := in.pod(t)
		if pod.HostNetwork || pod.HostPID || pod.HostIPC || is(pod.HostUsers, true) {
			t.Error("a namespace of the host is used")
		}
		if !is(pod.AutomountServiceAccountToken, false) {
			t.Error("a token for Kubernetes is mounted")
		}
		for _, v := range pod.Volumes {
			if v.HostPath != nil {
				t.Errorf("volume %s is a folder of the node", v.Name)
			}
		}
		for _, c := range containers(pod) {
			for _, p := range c.Ports {
				if p.HostPort != 0 {
					t.Errorf("%s takes port %d of the node", c.Name, p.HostPort)
				}
			}
		}
	})
}

func TestNoContainerHasPrivileges(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		pod := in.pod(t)
		if s := pod.SecurityContext; s == nil || !is(s.RunAsNonRoot, true) || s.SeccompProfile == nil ||
			s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Error("the pod may run as root, or without the runtime's seccomp profile")
		}
		for _, c := range containers(pod) {
			s := c.SecurityContext
			if s == nil {
				t.Errorf("%s has no security context", c.Name)
				continue
			}
			for what, good := range map[string]bool{
				"may run as root":     is(s.RunAsNonRoot, true),
				"runs as root":        s.RunAsUser == nil || *s.RunAsUser != 0,
				"is privileged":       s.Privileged == nil || !*s.Privileged,
				"may gain privileges": is(s.AllowPrivilegeEscalation, false),
				"can write its root":  is(s.ReadOnlyRootFilesystem, true),
				"keeps capabilities": s.Capabilities != nil &&
					slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(s.Capabilities.Add) == 0,
				"has not the runtime's seccomp list": s.SeccompProfile != nil &&
					s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
			} {
				if !good {
					t.Errorf("%s %s", c.Name, what)
				}
			}
		}
	})
}

// The image is made for this user; the Secret and the state are given to the pod's group.
func TestTheProxyRunsAsTheUserOfTheImage(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		pod := in.pod(t)
		own, around := proxyOf(t, pod).SecurityContext, pod.SecurityContext
		for name, id := range map[string]*int64{
			"user": first(own.RunAsUser, around.RunAsUser), "group": first(own.RunAsGroup, around.RunAsGroup),
			"fsGroup": around.FSGroup,
		} {
			if id == nil || *id != 65532 {
				t.Errorf("%s is not 65532", name)
			}
		}
	})
}

func first(ids ...*int64) *int64 {
	for _, id := range ids {
		if id != nil {
			return id
		}
	}
	return nil
}

func TestEveryContainerIsBounded(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		for _, c := range containers(in.pod(t)) {
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() ||
				c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s lacks a request or a limit", c.Name)
			}
		}
	})
}

func TestSecretsAreMountedReadOnlyForTheProxyAlone(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		pod := in.pod(t)
		secrets := map[string]bool{}
		for _, v := range pod.Volumes {
			if v.Secret == nil {
				continue
			}
			secrets[v.Name] = true
			if m := v.Secret.DefaultMode; m == nil || (*m != 0o400 && *m != 0o440) {
				t.Errorf("volume %s has not the mode 0400 or 0440", v.Name)
			}
		}
		if len(secrets) == 0 {
			t.Error("no secret is mounted")
		}
		for _, c := range containers(pod) {
			if len(c.EnvFrom) > 0 || slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.ValueFrom != nil }) {
				t.Errorf("%s is given values in its environment, which other processes and crash reports can see", c.Name)
			}
			for _, m := range c.VolumeMounts {
				if secrets[m.Name] && (c.Name != proxyName || !m.ReadOnly) {
					t.Errorf("%s mounts the secret %s, read-only: %v", c.Name, m.Name, m.ReadOnly)
				}
			}
		}
	})
}

func TestImagesComeFromNoRegistryOfOurs(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		for _, c := range containers(in.pod(t)) {
			if strings.Contains(c.Image, "/") || c.ImagePullPolicy != corev1.PullIfNotPresent {
				t.Errorf("%s: image %s, pulled %s", c.Name, c.Image, c.ImagePullPolicy)
			}
		}
	})
}

func TestTheProxyIsProbedOnItsOperationsListener(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		c := proxyOf(t, in.pod(t))
		start := "/-/ready"
		if _, cfg := in.config(t); cfg.Store.Redis != nil {
			start = "/-/healthy" // one that waits for the store is not to be started anew
		}
		for name, probe := range map[string]struct {
			probe *corev1.Probe
			path  string
		}{"startup": {c.StartupProbe, start}, "readiness": {c.ReadinessProbe, "/-/ready"}, "liveness": {
			c.LivenessProbe, "/-/healthy",
		}} {
			switch p := probe.probe; {
			case p == nil || p.HTTPGet == nil:
				t.Errorf("no %s probe over HTTP", name)
			case p.HTTPGet.Path != probe.path || p.HTTPGet.Port.String() != "admin" || p.HTTPGet.Host != "":
				t.Errorf("%s probe asks %s on %s", name, p.HTTPGet.Path, p.HTTPGet.Port.String())
			}
		}
	})
}

func TestAStopWaitsForCallsUnderWay(t *testing.T) {
	each(t, func(t *testing.T, in *installation) {
		if g := in.pod(t).TerminationGracePeriodSeconds; g == nil || *g <= 30 {
			t.Error("the pod is killed before limits.shutdown (30 s by default) is over")
		}
	})
}

func TestTheSidecarStartsBeforeTheProgramAndEndsAfterIt(t *testing.T) {
	pod := load(t, installations()["sidecar"]).pod(t)
	if len(pod.InitContainers) != 1 || pod.InitContainers[0].RestartPolicy == nil ||
		*pod.InitContainers[0].RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Error("the proxy is not an init container that always restarts")
	}
}
