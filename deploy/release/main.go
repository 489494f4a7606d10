// Command release makes everything that is published of one version, from a clean checkout, in one folder: static
// binaries, archives, packages, checksums and what each binary is made of. The same commit and the same version of Go
// give the same bytes. It must never be imported by the proxy: it is a module of its own for what it requires.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	version := flags.String("version", "", "`VERSION` such as 1.2.3 (default: the tag of the commit, such as v1.2.3; "+
		"without one a version made of the commit's time)")
	snapshot := flags.Bool("snapshot", false, "a trial, also with changes that are not committed; tags do not count")
	to := flags.String("out", "dist", "`FOLDER` for the release, seen from the root of the checkout")
	binary := flags.String("binary", "", "nothing but the binary of this `PLATFORM`, such as linux/arm64")
	maintainer := flags.String("maintainer", publisher,
		"`NAME` and address in the packages: who publishes them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	src, err := look(ctx, root, *version, *snapshot)
	if err != nil {
		return err
	}
	folder := *to
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(root, folder)
	}
	if !*snapshot {
		clone, err := os.MkdirTemp("", "release-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(clone)
		if src, err = src.cloned(ctx, clone); err != nil {
			return err
		}
	}
	r := release{source: src, out: folder, maintainer: *maintainer}
	if err := r.make(ctx, *binary); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "docusign-auth-proxy %s of commit %s is in %s\n", src.version, src.commit, folder)
	return err
}
