package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// made is the release that .ci/run has just made and names in this variable, or one made for these tests.
const madeBefore = "DOCUSIGN_AUTH_PROXY_RELEASE"

type fixture struct {
	release
	here target
	docs documents
}

var made = sync.OnceValues(func() (fixture, error) {
	ctx := context.Background()
	here, err := host()
	if err != nil {
		return fixture{}, err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return fixture{}, err
	}
	src, err := look(ctx, root, "", true)
	if err != nil {
		return fixture{}, err
	}
	r := release{source: src, out: os.Getenv(madeBefore), maintainer: publisher}
	if r.out == "" {
		r.out = filepath.Join(scratch, "dist")
		if err := r.make(ctx, ""); err != nil {
			return fixture{}, err
		}
	}
	docs, err := r.documents(ctx, here, targets()...)
	return fixture{r, here, docs}, err
})

var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "release-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func theRelease(t *testing.T) fixture {
	t.Helper()
	f, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// before is a version that is older than every other, of the same files but for its configuration.
var before = sync.OnceValues(func() (fixture, error) {
	f, err := made()
	if err != nil {
		return fixture{}, err
	}
	f.version, f.out = "0.0.0-1", filepath.Join(scratch, "before")
	f.docs = maps.Clone(f.docs)
	const config = "deploy/systemd/config.yaml"
	f.docs[config] = append(bytes.Clone(f.docs[config]), "# as the version before has it\n"...)
	return f, f.build(context.Background(), f.here)
})

func theVersionBefore(t *testing.T) fixture {
	t.Helper()
	f, err := before()
	if err != nil {
		t.Fatal(err)
	}
	return f
}
