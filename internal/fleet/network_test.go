//go:build linux

package fleet_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/processtest"
)

// The addresses from which the balancers speak to the replicas.
const (
	haproxyHost    = "127.28.4.1"
	streamHost     = "127.28.4.3"
	nginxHost      = "127.28.4.2"
	programNetwork = "203.0.113." // network that the programs call from, as the balancers are told
)

// balancers makes a plan's replicas believe what HAProxy and nginx say of the client.
func balancers(_ int, c section) {
	listen := c["listen"].(section)
	listen["proxy_protocol"] = []string{haproxyHost + "/32", streamHost + "/32"}
	listen["forwarded_for"] = []string{nginxHost + "/32"}
	c["egress"].(section)["clients"] = []string{programNetwork + "0/24"}
}

// balancer is a real one before the replicas.
type balancer struct {
	*process
	address string
}

func (b *balancer) base() string { return "http://" + b.address }

// haproxy gives each connection of a program to one replica, tells who calls by PROXY v2, and tries another replica
// only when no connection came about.
func (f *fleet) haproxy() *balancer {
	f.t.Helper()
	b := &balancer{address: processtest.Free(f.t, haproxyHost)}
	text := &strings.Builder{}
	fmt.Fprintf(text, `defaults
  mode tcp
  timeout connect 2s
  timeout client 2m
  timeout server 2m
  retries 5
  option redispatch 1
frontend programs
  bind %s accept-proxy
  default_backend replicas
backend replicas
  balance roundrobin
  option httpchk
  http-check send meth GET uri /-/ready
  http-check expect status 200
  default-server send-proxy-v2 source %s check inter 200ms fall 1 rise 1
`, b.address, haproxyHost)
	for _, r := range f.replicas {
		host, port, _ := strings.Cut(r.admin, ":")
		fmt.Fprintf(text, "  server %s %s addr %s port %s\n", r.name, r.proxy, host, port)
	}
	path := f.write("haproxy.cfg", []byte(text.String()))
	b.process = newProcess(f.t, f.dir, "haproxy", f.s.haproxy, "-db", "-f", path)
	b.start()
	processtest.Await(f.t, "haproxy listens", func() error { return listens(b.address) })
	return b
}

// nginx gives each call to one replica and tells who calls by X-Forwarded-For. Its second listener gives each
// connection to one replica and tells by PROXY v1.
func (f *fleet) nginx() (calls, connections *balancer) {
	f.t.Helper()
	b, stream := &balancer{address: processtest.Free(f.t, nginxHost)}, processtest.Free(f.t, streamHost)
	module := "" // where it is not part of the program
	if path := "/usr/lib/nginx/modules/ngx_stream_module.so"; exists(path) {
		module = "load_module " + path + ";"
	}
	text := &strings.Builder{}
	fmt.Fprintf(text, `%[5]s daemon off; master_process off; pid %[1]s/nginx.pid; error_log %[1]s/nginx-error.log;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxied;
  fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  upstream replicas { %[2]s }
  server {
    listen %[3]s proxy_protocol;
    set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol; client_max_body_size 0;
    location / {
      proxy_pass http://replicas; proxy_http_version 1.1; proxy_bind %[4]s; proxy_next_upstream error;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
stream {
  upstream replicas { %[2]s }
  server {
    listen %[6]s proxy_protocol; set_real_ip_from 127.0.0.0/8;
    proxy_pass replicas; proxy_protocol on; proxy_bind %[7]s;
  }
}
`, f.dir, "server "+strings.Join(f.addresses(), "; server ")+";", b.address, nginxHost, module, stream, streamHost)
	path := f.write("nginx.conf", []byte(text.String()))
	b.process = newProcess(f.t, f.dir, "nginx", f.s.nginx, "-p", f.dir, "-c", path)
	b.start()
	processtest.Await(f.t, "nginx listens", func() error { return errors.Join(listens(b.address), listens(stream)) })
	return b, &balancer{process: b.process, address: stream}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// relay stands between one replica and the store.
type relay struct {
	address string
	target  string
	tap     io.Writer // gets what the replica sends; nil = nobody

	mu     sync.Mutex
	passes *sync.Cond
	cut    bool
	conns  map[net.Conn]bool
}

func newRelay(t *testing.T, host, target string, tap io.Writer) *relay {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: l.Addr().String(), target: target, tap: tap, conns: map[net.Conn]bool{}}
	r.passes = sync.NewCond(&r.mu)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.setCut(false)
		r.mu.Lock()
		for c := range r.conns {
			_ = c.Close()
		}
		r.mu.Unlock()
		work.Wait()
	})
	return r
}

// setCut makes everything that is sent get lost in a line that stays open, or go through again.
func (r *relay) setCut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	r.passes.Broadcast()
}

func (r *relay) serve(c net.Conn) {
	defer c.Close()
	r.pass()
	to, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer to.Close()
	r.mu.Lock()
	r.conns[c], r.conns[to] = true, true
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { r.copy(to, c, r.tap) })
	both.Go(func() { r.copy(c, to, nil) })
	both.Wait()
	r.mu.Lock()
	delete(r.conns, c)
	delete(r.conns, to)
	r.mu.Unlock()
}

// pass waits while the line is cut.
func (r *relay) pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.cut {
		r.passes.Wait()
	}
}

func (r *relay) copy(to, from net.Conn, tap io.Writer) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && tap != nil {
			_, _ = tap.Write(buffer[:n]) // memory takes everything
		}
		r.pass()
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				err = errors.Join(err, failed)
			}
		}
		if err != nil {
			return
		}
	}
}
