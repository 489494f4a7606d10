package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
)

const (
	name      = "docusign-auth-proxy"
	publisher = "docusign-auth-proxy maintainers <anna@example.com>"
)

// target is a platform in the words of Go.
type target struct{ os, arch string }

func targets() []target {
	var all []target
	for _, system := range []string{"linux", "darwin", "windows"} {
		all = append(all, target{system, "amd64"}, target{system, "arm64"})
	}
	return all
}

func (t target) String() string { return t.os + "/" + t.arch }

// program is the name of the binary on this platform.
func (t target) program() string {
	if t.os == "windows" {
		return name + ".exe"
	}
	return name
}

// binary is where the release has the binary of a platform; the Dockerfile and the checks take it from there.
func (r release) binary(t target) string {
	return filepath.Join(r.out, "binaries", t.os+"-"+t.arch, t.program())
}

// host is the platform of this machine, whose binary writes manuals and completions.
func host() (target, error) {
	t := target{runtime.GOOS, runtime.GOARCH}
	if !slices.Contains(targets(), t) {
		return t, fmt.Errorf("this machine is %s, for which there is no release\nnext: run this on one of %v", t, targets())
	}
	return t, nil
}

// build compiles one binary. What differs between two clones or two machines stays out: the folder (-trimpath), what
// git would tell (-buildvcs: another clone may lack the tag), and settings of the environment.
func (r release) build(ctx context.Context, t target) error {
	on, err := output(ctx, r.root, nil, "go", "env", "GOEXPERIMENT")
	if err != nil {
		return err
	}
	if on != "" {
		return fmt.Errorf("GOEXPERIMENT=%s would give other bytes\nnext: unset GOEXPERIMENT; go env -u GOEXPERIMENT", on)
	}
	stamp := "-X docusign-auth-proxy/internal/app.stamped=" + r.version + "@" + r.commit
	_, err = output(ctx, r.root, []string{
		"CGO_ENABLED=0", "GOOS=" + t.os, "GOARCH=" + t.arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=-mod=readonly", "GOFIPS140=off", "GOWORK=off",
	}, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w "+stamp, "-o", r.binary(t), "./cmd/"+name)
	return err
}
