package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/store"
)

const configPath = "/etc/docusign-auth-proxy/config.yaml"

// deployed is a configuration of deploy/ with the files that its deployment puts beside it.
type deployed struct {
	name, text, path string
	files            []string
}

func projectFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func deployments(t *testing.T) []deployed {
	t.Helper()
	all := []deployed{
		{
			name: "compose", text: projectFile(t, "deploy/compose/config/config.yaml"), path: configPath,
			files: composeSecrets(t),
		},
		{
			name: "compose-replicas", text: projectFile(t, "deploy/compose-replicas/config/config.yaml"), path: configPath,
			files: below("/run/secrets", "key.pem", "ca.pem", "ca-key.pem", "anna-password", "admin-password", "store.key",
				"redis-password"),
		},
		{
			name: "balancer", text: projectFile(t, "deploy/balancer/config.yaml"), path: configPath,
			files: below("/etc/docusign-auth-proxy", "ca.pem", "redis-ca.pem", "secrets/ca-key.pem", "secrets/key.pem",
				"secrets/store.key", "secrets/redis-password", "secrets/admin-password", "secrets/anna-password"),
		},
		{
			name: "systemd", text: projectFile(t, "deploy/systemd/config.yaml"), path: configPath,
			files: []string{
				"/etc/docusign-auth-proxy/ca.pem", "/etc/docusign-auth-proxy/keys/ca-key.pem",
				"/etc/docusign-auth-proxy/keys/key.pem",
			},
		},
		{
			// The folder of Windows is left out: its paths are relative, and so the same below any folder.
			name: "windows", text: projectFile(t, "deploy/windows/config.yaml"), path: "/config.yaml",
			files: []string{"/ca.pem", "/keys/ca-key.pem", "/keys/key.pem", "/state/.keep"},
		},
	}
	return append(all, kubernetesDeployments(t)...)
}

func below(folder string, names ...string) (paths []string) {
	for _, name := range names {
		paths = append(paths, path.Join(folder, name))
	}
	return paths
}

// kubernetesDeployments takes the ConfigMaps. Each manifest has one pod; what of the Secret is mounted into it is there
// to be read.
func kubernetesDeployments(t *testing.T) []deployed {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "deploy", "kubernetes", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []deployed
	for _, name := range names {
		var configs []string
		var mounted []string
		eachObject(t, projectFile(t, "deploy/kubernetes/"+filepath.Base(name)), func(o kubernetesObject) {
			if o.Kind == "ConfigMap" {
				configs = append(configs, o.Data["config.yaml"])
			}
			mounted = append(mounted, o.Spec.Template.Spec.secretFiles()...)
		})
		for _, text := range configs {
			all = append(all, deployed{name: filepath.Base(name), text: text, path: configPath, files: mounted})
		}
	}
	if len(all) < 2 {
		t.Fatalf("%d ConfigMaps found", len(all))
	}
	return all
}

type kubernetesObject struct {
	Kind string
	Data map[string]string
	Spec struct{ Template struct{ Spec podSpec } }
}

type podSpec struct {
	InitContainers []podContainer `yaml:"initContainers"`
	Containers     []podContainer
	Volumes        []struct {
		Name   string
		Secret struct{ Items []struct{ Path string } }
	}
}

type podContainer struct {
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

func (p podSpec) secretFiles() []string {
	var all []string
	for _, c := range slices.Concat(p.InitContainers, p.Containers) {
		for _, m := range c.VolumeMounts {
			for _, v := range p.Volumes {
				if v.Name != m.Name {
					continue
				}
				for _, item := range v.Secret.Items {
					all = append(all, path.Join(m.MountPath, item.Path))
				}
			}
		}
	}
	return all
}

func eachObject(t *testing.T, text string, visit func(kubernetesObject)) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var o kubernetesObject
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		visit(o)
	}
}

func TestEveryConfigurationThatIsDeployedIsGood(t *testing.T) {
	dir := t.TempDir()
	if err := fixture.MakeCA(dir); err != nil {
		t.Fatal(err)
	}
	writeTestKey(t, filepath.Join(dir, "key.pem"))
	for _, d := range deployments(t) {
		t.Run(d.name, func(t *testing.T) {
			cfg, err := config.Parse([]byte(d.text), d.path, d.environment(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range cfg.Warnings {
				t.Error(w)
			}
			if cfg.Store.Implicit || !cfg.Store.Lasting() {
				t.Error("the place of the state is left to chance")
			}
			used := slices.DeleteFunc(slices.Clone(cfg.Files), func(name string) bool { return name == d.path })
			for _, name := range d.files {
				if !slices.Contains(used, name) && path.Base(name) != ".keep" {
					t.Errorf("%s is put there for nothing", name)
				}
			}
		})
	}
}

// environment has the deployment's files and no other, with fresh keys of the right kind in them.
func (d deployed) environment(t *testing.T, dir string) config.Environment {
	t.Helper()
	files := fstest.MapFS{"var/lib/docusign-auth-proxy": {Mode: fs.ModeDir | 0o700}}
	for _, name := range d.files {
		content := []byte("a password\n")
		switch path.Ext(name) {
		case ".key":
			content = []byte(store.NewKey())
		case ".pem":
			var err error
			made := strings.TrimPrefix(path.Base(name), "redis-") // its authority is any one
			if content, err = os.ReadFile(filepath.Join(dir, made)); err != nil {
				t.Fatal(err)
			}
		}
		files[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: content, Mode: 0o440}
	}
	local := func(name string) string { return strings.TrimPrefix(filepath.ToSlash(name), "/") }
	return config.Environment{
		ReadFile:  func(name string) ([]byte, error) { return fs.ReadFile(files, local(name)) },
		Stat:      func(name string) (fs.FileInfo, error) { return fs.Stat(files, local(name)) },
		LookupEnv: func(string) (string, bool) { return "", false },
		OpenTo:    func(string) (string, error) { return "", nil },
	}
}

// composeFile is what of the Compose specification is used here; anything else in the file is an error.
type composeFile struct {
	Name     string
	Services map[string]composeService
	Networks map[string]struct {
		Internal bool
		IPAM     struct{ Config []struct{ Subnet string } }
	}
	Volumes map[string]struct{}
	Secrets map[string]struct{ File string }
}

type composeService struct {
	Build           string
	Image           string
	Command         []string
	Restart         string
	StopGracePeriod string `yaml:"stop_grace_period"`
	User            string
	ReadOnly        bool     `yaml:"read_only"`
	CapDrop         []string `yaml:"cap_drop"`
	SecurityOpt     []string `yaml:"security_opt"`
	PidsLimit       int      `yaml:"pids_limit"`
	MemLimit        string   `yaml:"mem_limit"`
	Environment     map[string]string
	Healthcheck     struct {
		Test              []string
		Interval, Timeout string
		StartPeriod       string `yaml:"start_period"`
		Retries           int
	}
	Volumes []struct {
		Type, Source, Target string
		ReadOnly             bool `yaml:"read_only"`
	}
	Secrets, Networks, Ports, Profiles []string
	DependsOn                          map[string]struct{ Condition string } `yaml:"depends_on"`
}

func compose(t *testing.T) (file composeFile, proxy composeService) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(projectFile(t, "deploy/compose/docker-compose.yml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file, file.Services["docusign-auth-proxy"]
}

// composeSecrets are at the places where Compose mounts them.
func composeSecrets(t *testing.T) []string {
	t.Helper()
	file, proxy := compose(t)
	var all []string
	for _, name := range proxy.Secrets {
		if file.Secrets[name].File == "" {
			t.Errorf("the secret %s has no file", name)
		}
		all = append(all, "/run/secrets/"+name)
	}
	return all
}

func TestTheComposeServiceHasNoPrivileges(t *testing.T) {
	_, proxy := compose(t)
	for what, good := range map[string]bool{
		"a root that can be written": proxy.ReadOnly, "capabilities": slices.Equal(proxy.CapDrop, []string{"ALL"}),
		"a way to privileges":           slices.Contains(proxy.SecurityOpt, "no-new-privileges:true"),
		"another user than the image's": proxy.User == "65532:65532",
		"memory without bound":          proxy.MemLimit != "", "processes without bound": proxy.PidsLimit > 0,
		"no health check": len(proxy.Healthcheck.Test) > 1,
	} {
		if !good {
			t.Errorf("it has %s", what)
		}
	}
	for _, p := range proxy.Ports {
		if !strings.HasPrefix(p, "127.0.0.1:") {
			t.Errorf("port %s is open to other machines", p)
		}
	}
}

func TestTheComposeNetworkIsTheOneTheConfigurationAdmits(t *testing.T) {
	file, proxy := compose(t)
	inner := file.Networks["old-programs"]
	if !inner.Internal || len(inner.IPAM.Config) != 1 {
		t.Fatal("the old programs have a way past the proxy, or their network has no fixed addresses")
	}
	if want := `clients: ["` + inner.IPAM.Config[0].Subnet + `"]`; !strings.Contains(
		projectFile(t, "deploy/compose/config/config.yaml"), want,
	) {
		t.Errorf("config.yaml has no %s", want)
	}
	program := file.Services["old-program"]
	if !slices.Equal(program.Networks, []string{"old-programs"}) || !slices.Contains(proxy.Networks, "old-programs") {
		t.Error("program and proxy do not meet on that network alone")
	}
	if !slices.Equal(program.Secrets, []string{"ca.pem"}) {
		t.Errorf("the old program is given %v; it needs the certificate and nothing secret", program.Secrets)
	}
}

// The words of every command line with which something in deploy/ starts the program.
func TestEveryCommandLineOfTheDeploymentsWouldRun(t *testing.T) {
	_, proxy := compose(t)
	lines := [][]string{proxy.Command, proxy.Healthcheck.Test[2:]}
	for _, m := range regexp.MustCompile(`(?m)^Exec\w+=/usr/local/bin/docusign-auth-proxy (.*)$`).FindAllStringSubmatch(
		projectFile(t, "deploy/systemd/docusign-auth-proxy.service"), -1,
	) {
		lines = append(lines, strings.Fields(m[1]))
	}
	for _, m := range regexp.MustCompile(`(?m)CMD (\[.*\])$`).FindAllStringSubmatch(projectFile(t, "Dockerfile"), -1) {
		var words []string
		if err := yaml.Unmarshal([]byte(m[1]), &words); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, slices.DeleteFunc(words, func(w string) bool { return w == "/docusign-auth-proxy" }))
	}
	if len(lines) != 6 {
		t.Errorf("%d command lines, not the 2 of Compose, 2 of systemd and 2 of the image: %q", len(lines), lines)
	}
	root := withManual()
	for _, words := range lines {
		tryExample(t, root, words)
		if i := slices.Index(words, "--config"); i < 0 || words[i+1] != configPath {
			t.Errorf("%q takes its configuration from elsewhere", words)
		}
	}
}

// The comments with which the manifests begin. The guides beside them are documents: see documents_test.go.
func TestEveryCommandLineOfTheManifestsCommentsWouldRun(t *testing.T) {
	line := regexp.MustCompile(`(?m)^(?:#? *|.*-u docusign-auth-proxy )(docusign-auth-proxy [a-z].*)$`)
	found := 0
	err := fs.WalkDir(os.DirFS(filepath.Join("..", "..")), "deploy", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Dir(name) == "deploy/check" || path.Ext(name) == ".md" {
			return err
		}
		for _, m := range line.FindAllStringSubmatch(projectFile(t, name), -1) {
			for _, words := range commandLines(t, m[1]) {
				if words[0] == "docusign-auth-proxy" {
					tryExample(t, withManual(), words[1:])
					found++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("no command lines were found")
	}
}
