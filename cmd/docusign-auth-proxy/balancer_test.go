package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/fixture"
)

// tool finds a program, and ends the test where it is not installed.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("DOCUSIGN_AUTH_PROXY_TOOLS") != "" {
		t.Fatalf("DOCUSIGN_AUTH_PROXY_TOOLS is set, but %s is not in PATH: %v", name, err)
	}
	t.Skipf("%s is not in PATH; install it to try its example", name)
	return ""
}

// example writes a configuration of deploy/ with other words in place of some, all of which it must have.
func example(t *testing.T, name string, replace ...string) string {
	t.Helper()
	text := projectFile(t, name)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Errorf("%s has no %q", name, replace[i])
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(path, []byte(strings.NewReplacer(replace...).Replace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// nginxOf is nginx with a configuration, whose own files go into the folder of that.
func nginxOf(t *testing.T, path string, more ...string) *exec.Cmd {
	t.Helper()
	dir := filepath.Dir(path)
	args := []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", path}
	return exec.CommandContext(t.Context(), tool(t, "nginx"), append(args, more...)...)
}

// streamModule loads nginx's streams where they are a module.
func streamModule() string {
	const path = "/usr/lib/nginx/modules/ngx_stream_module.so"
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return "load_module " + path + ";"
}

const nginxModules = "include /etc/nginx/modules-enabled/*.conf;"

func TestTheExamplesOfGatewaysAreTaken(t *testing.T) {
	dir := t.TempDir()
	if err := fixture.MakeCA(dir); err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")
	both := filepath.Join(dir, "both.pem")
	var pair []byte
	for _, name := range []string{cert, key} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pair = append(pair, text...)
	}
	if err := os.WriteFile(both, pair, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string]func(t *testing.T) *exec.Cmd{
		"nginx as a gateway": func(t *testing.T) *exec.Cmd {
			return nginxOf(t, example(t, "deploy/upstream/nginx.conf", "/etc/nginx/gateway.pem", cert,
				"/etc/nginx/gateway-key.pem", key, "listen 8443", "listen "+freeAddress(t), "worker_processes auto;",
				"worker_processes 1; pid "+filepath.Join(dir, "nginx.pid")+";"), "-t")
		},
		"HAProxy as a gateway": func(t *testing.T) *exec.Cmd {
			path := example(t, "deploy/upstream/haproxy.cfg", "/etc/haproxy/gateway.pem", both)
			return exec.CommandContext(t.Context(), tool(t, "haproxy"), "-c", "-f", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := command(t).CombinedOutput(); err != nil || strings.Contains(string(out), "[WARNING]") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// Envoy is not run: its example is held to what can be seen in it.
func TestTheExampleOfEnvoyIsYAMLThatRetriesConnectsAlone(t *testing.T) {
	var all map[string]any
	text := projectFile(t, "deploy/upstream/envoy.yaml")
	if err := yaml.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	retries := regexp.MustCompile(`retry_on: ([^,}\n]+)`).FindAllStringSubmatch(text, -1)
	if len(retries) != 1 || retries[0][1] != "connect-failure" || !strings.Contains(text, "it was never run") {
		t.Errorf("retries on %v", retries)
	}
}

// replicas are three servers that tell who they are and who they think calls.
type replicas struct {
	mu    sync.Mutex
	calls []string // replica, method, and client
}

func (r *replicas) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// connOf is the key of a request's connection in its context.
type connOf struct{}

// caller is whom a call is from: by the socket, by the PROXY protocol, or by a header.
func caller(req *http.Request) string {
	host, _, _ := net.SplitHostPort(req.RemoteAddr)
	if forwarded := req.Header.Get("X-Forwarded-For"); forwarded != "" {
		return "forwarded " + forwarded
	}
	if c, ok := req.Context().Value(connOf{}).(*proxyproto.Conn); ok && c.ProxyHeader() != nil {
		return "proxied " + host
	}
	return host
}

// serve starts one: its listener of calls takes the PROXY protocol, that of operations does not.
func (r *replicas) serve(t *testing.T, name, calls, operations string) {
	t.Helper()
	listen := func(at string) net.Listener {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	answer := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.calls = append(r.calls, strings.Join([]string{name, req.Method, caller(req)}, " "))
		r.mu.Unlock()
		if strings.HasPrefix(req.URL.Path, "/breaks") { // after the call came whole
			_, _ = io.Copy(io.Discard, req.Body)
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, name)
	})
	ready := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/-/ready" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	takes := &proxyproto.Listener{Listener: listen(calls), ConnPolicy: func(proxyproto.ConnPolicyOptions) (
		proxyproto.Policy, error,
	) {
		return proxyproto.USE, nil
	}}
	for l, handler := range map[net.Listener]http.Handler{takes: answer, listen(operations): ready} {
		s := &http.Server{Handler: handler, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connOf{}, c)
		}}
		go func() { _ = s.Serve(l) }()
		t.Cleanup(func() { _ = s.Close() })
	}
}

// stage starts the replicas, each at an address of its own, and gives what stands for their addresses in an example.
func (r *replicas) stage(t *testing.T) (replace []string, operations string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("addresses of 127.0.0.0/8 beside 127.0.0.1 are there on Linux alone")
	}
	_, callsPort, _ := net.SplitHostPort(freeAddress(t))
	_, operations, _ = net.SplitHostPort(freeAddress(t))
	for n := 11; n <= 13; n++ {
		host := fmt.Sprintf("127.27.0.%d", n)
		calls := net.JoinHostPort(host, callsPort)
		r.serve(t, fmt.Sprint("replica-", n-10), calls, net.JoinHostPort(host, operations))
		replace = append(replace, fmt.Sprintf("10.0.0.%d:8080", n), calls)
	}
	return replace, operations
}

func TestTheBalancersKeepAProgramOnOneReplicaAndSayWhoCalls(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T, r *replicas) (calls, connections, client string, cmd *exec.Cmd){
		"HAProxy": func(t *testing.T, r *replicas) (calls, connections, client string, cmd *exec.Cmd) {
			calls, connections = freeAddress(t), freeAddress(t)
			replace, operations := r.stage(t)
			path := example(t, "deploy/balancer/haproxy.cfg", append(replace, "check port 9090", "check port "+operations,
				"inter 2s fall 2", "inter 200ms fall 2", "bind :8080", "bind "+calls, "bind :3128", "bind "+connections,
				"bind :443", "bind "+freeAddress(t), "maxconn 20000", "maxconn 100")...)
			return calls, connections, "proxied 127.0.0.1", exec.CommandContext(t.Context(), tool(t, "haproxy"), "-db", "-f", path)
		},
		"nginx": func(t *testing.T, r *replicas) (calls, connections, client string, cmd *exec.Cmd) {
			calls, connections = freeAddress(t), freeAddress(t)
			replace, _ := r.stage(t)
			dir := t.TempDir()
			path := example(t, "deploy/balancer/nginx.conf", append(replace, nginxModules, streamModule()+
				" daemon off; master_process off; pid "+filepath.Join(dir, "nginx.pid")+";", "worker_processes auto;", "",
				"worker_rlimit_nofile 40000;", "", "worker_connections 16384", "worker_connections 256",
				"proxy_bind 10.0.0.5", "proxy_bind 127.27.0.5", "proxy_bind 10.0.0.6", "proxy_bind 127.27.0.6",
				"listen 8080", "listen "+calls, "listen 3128", "listen "+connections, "listen 443", "listen "+freeAddress(t))...)
			return calls, connections, "forwarded 127.0.0.1", nginxOf(t, path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &replicas{}
			calls, connections, client, cmd := start(t, r)
			out, err := cmd.StderrPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			go func() {
				for s := bufio.NewScanner(out); s.Scan(); {
					t.Log(s.Text())
				}
			}()
			for began := time.Now(); ; {
				if name, err := asked(calls, "GET", "/", ""); err == nil && strings.HasPrefix(name, "replica-") {
					break
				}
				if time.Since(began) > 20*time.Second {
					log, _ := os.ReadFile(filepath.Join(filepath.Dir(cmd.Args[len(cmd.Args)-1]), "error.log"))
					t.Fatalf("it does not listen: %s", log[:min(len(log), 2000)])
				}
				time.Sleep(20 * time.Millisecond)
			}
			r.holdsToOne(t, calls, client)
			r.saysWho(t, connections, "proxied 127.0.0.1")
		})
	}
}

func asked(at, method, path, credential string) (string, error) {
	req, err := http.NewRequest(method, "http://"+at+path, strings.NewReader("body"))
	if err != nil {
		return "", err
	}
	if credential != "" {
		req.Header.Set("X-DocuSign-Authentication", credential)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func (r *replicas) holdsToOne(t *testing.T, at, client string) {
	t.Helper()
	used := map[string]bool{}
	for n := range 20 {
		credential := fmt.Sprintf(`{"Username":"user-%d@example.com"}`, n)
		first, err := asked(at, "GET", "/", credential)
		again, againErr := asked(at, "POST", "/", credential)
		if err != nil || againErr != nil || first != again || !strings.HasPrefix(first, "replica-") {
			t.Errorf("user %d: %s, then %s, %v, %v", n, first, again, err, againErr)
		}
		used[first] = true
	}
	if len(used) != 3 {
		t.Errorf("twenty programs came to %v alone", used)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		before := len(r.seen())
		_, _ = asked(at, method, "/breaks", "credential")
		if after := r.seen(); len(after) != before+1 {
			t.Errorf("%s that broke after it was sent: %v", method, after[before:])
		}
	}
	for _, call := range r.seen() {
		if !strings.HasSuffix(call, " "+client) {
			t.Errorf("the caller is told as %s", call)
		}
	}
}

func (r *replicas) saysWho(t *testing.T, at, client string) {
	t.Helper()
	first, err := asked(at, "CONNECT", "/", "")
	before := len(r.seen())
	again, againErr := asked(at, "GET", "/", "")
	after := r.seen()
	if againErr != nil || len(after) != before+1 || !strings.HasSuffix(after[before], " "+client) {
		t.Errorf("connections: %s, %v; %s, %v; %v", first, err, again, againErr, after)
	}
}
