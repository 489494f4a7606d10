package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// source is what a release is made of.
type source struct {
	root    string
	version string    // semantic, without "v"
	commit  string    // in full
	time    time.Time // of the commit, and of every file in the release
}

// look asks git. Without a version and without a tag v1.2.3 at the commit, the version sorts before every release, and
// among its like by the commit's time.
func look(ctx context.Context, root, version string, snapshot bool) (source, error) {
	changes, err := git(ctx, root, "status", "--porcelain", "--untracked-files=normal") // whatever git's settings say
	if err != nil {
		return source{}, fmt.Errorf("%w\nnext: run this in a checkout made by git clone", err)
	}
	if changes != "" && !snapshot {
		return source{}, fmt.Errorf("the checkout has changes that are not committed:\n%s\n"+
			"next: commit them or take them away; for a trial add -snapshot", changes)
	}
	about, err := git(ctx, root, "log", "-1", "--format=%H %ct")
	if err != nil {
		return source{}, err
	}
	commit, seconds, _ := strings.Cut(about, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return source{}, fmt.Errorf("the commit's time: %w", err)
	}
	src := source{root: root, version: version, commit: commit, time: time.Unix(unix, 0).UTC()}
	if src.version == "" && !snapshot {
		src.version, err = tagged(ctx, root)
	}
	if err != nil {
		return source{}, err
	}
	if src.version == "" {
		src.version = fmt.Sprintf("0.0.0-%s.g%.12s", src.time.Format("20060102150405"), commit)
	}
	if _, err := semver.StrictNewVersion(src.version); err != nil {
		return source{}, fmt.Errorf("version %q: %w\nnext: give it as 1.2.3 or 1.2.3-rc.1", src.version, err)
	}
	return src, nil
}

// cloned is the source with a checkout of its own in dir. Git's status passes over files that a personal list ignores,
// files that the index hides, and endings of lines that git's settings change; nothing of them is in the clone.
func (s source) cloned(ctx context.Context, dir string) (source, error) {
	_, err := git(ctx, s.root, "clone", "--quiet", "--shared", "--no-checkout", "--template=", "--config",
		"core.autocrlf=false", s.root, dir)
	if err == nil {
		_, err = git(ctx, dir, "checkout", "--quiet", "--detach", s.commit)
	}
	s.root = dir
	return s, err
}

// tagged is the version of the commit's tag, "" without one.
func tagged(ctx context.Context, root string) (string, error) {
	tags, err := git(ctx, root, "tag", "--points-at", "HEAD", "--list", "v[0-9]*")
	if err != nil || tags == "" {
		return "", err
	}
	names := strings.Fields(tags)
	if len(names) > 1 {
		return "", fmt.Errorf("the commit has several tags: %s\nnext: say which with -version", strings.Join(names, ", "))
	}
	return strings.TrimPrefix(names[0], "v"), nil
}

// tracked lists the checkout's files below some folders, or single ones: never what lies beside them, such as keys.
func (s source) tracked(ctx context.Context, paths ...string) ([]string, error) {
	list, err := git(ctx, s.root, append([]string{"ls-files", "-z", "--"}, paths...)...)
	if err != nil {
		return nil, err
	}
	names := strings.Split(strings.TrimSuffix(list, "\x00"), "\x00")
	return slices.DeleteFunc(names, func(name string) bool {
		_, err := os.Lstat(filepath.Join(s.root, name))
		return name == "" || errors.Is(err, os.ErrNotExist) // deleted and not yet committed
	}), nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	return output(ctx, root, nil, "git", args...)
}

// output runs a program in a folder. The error has what it said.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
