package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
)

type release struct {
	source
	out        string // the folder that gets it
	maintainer string
}

// make makes the release anew, or the binary of one platform alone.
func (r release) make(ctx context.Context, only string) error {
	if err := r.clear(); err != nil {
		return err
	}
	if only != "" {
		for _, t := range targets() {
			if t.String() == only {
				return r.build(ctx, t)
			}
		}
		return fmt.Errorf("-binary %s: there is no such platform\nnext: give one of %v", only, targets())
	}
	here, err := host()
	if err != nil {
		return err
	}
	build, inBuild := errgroup.WithContext(ctx)
	build.SetLimit(runtime.NumCPU()) // linking is one thread, and so is packing below
	for _, t := range targets() {
		build.Go(func() error { return r.build(inBuild, t) })
	}
	if err := build.Wait(); err != nil {
		return err
	}
	docs, err := r.documents(ctx, here, targets()...)
	if err != nil {
		return err
	}
	var pack errgroup.Group
	pack.SetLimit(runtime.NumCPU())
	for _, t := range targets() {
		pack.Go(func() error { return of(t, "archive", r.archive(t, docs)) })
		pack.Go(func() error { return of(t, "bill of materials", r.bill(t)) })
		if t.os == "linux" {
			pack.Go(func() error { return of(t, "deb", r.pack("deb", t, docs)) })
			pack.Go(func() error { return of(t, "rpm", r.pack("rpm", t, docs)) })
		}
	}
	if err := pack.Wait(); err != nil {
		return err
	}
	return r.sum()
}

func of(t target, what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s for %s: %w", what, t, err)
	}
	return nil
}

const sums = "SHA256SUMS"

// clear takes an earlier release away, and nothing else: also other programs' releases have a SHA256SUMS.
func (r release) clear() error {
	entries, err := os.ReadDir(r.out)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		file := e.Name()
		if file != sums && file != "binaries" && !(strings.HasPrefix(file, name) && e.Type().IsRegular()) {
			return fmt.Errorf("%s is no file of a release\nnext: name another folder with -out", filepath.Join(r.out, file))
		}
	}
	return os.RemoveAll(r.out)
}

// write puts one file of those that are published into the folder.
func (r release) write(file string, data []byte) error {
	return os.WriteFile(filepath.Join(r.out, file), data, 0o644)
}

// sum writes the checksums of what is published, for "sha256sum -c".
func (r release) sum() error {
	entries, err := os.ReadDir(r.out) // sorted by name
	if err != nil {
		return err
	}
	var list bytes.Buffer
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return r.write(sums, list.Bytes())
}
