package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
)

func TestAReleaseIsMadeOfWhatIsCommitted(t *testing.T) {
	needTool(t, "git")
	commit := "git add . && GIT_COMMITTER_DATE='2026-11-27T07:24:30Z' git -c user.name=Anna -c user.email=anna@example.com commit -qm one"
	for _, row := range []struct {
		name, prepare, version string
		snapshot               bool
		want, fails            string
	}{
		{name: "the tag of the commit", prepare: commit + " && git tag v1.2.3", want: "1.2.3"},
		{name: "a version that is given", prepare: commit + " && git tag v1.2.3", version: "1.3.0-rc.1", want: "1.3.0-rc.1"},
		{name: "a commit without a tag", prepare: commit, want: "0.0.0-20261127072430.gCOMMIT"},
		{name: "a trial does not ask for the tag", prepare: commit + " && git tag v1.2.3", snapshot: true, want: "0.0.0-20261127072430.gCOMMIT"},
		{name: "other tags", prepare: commit + " && git tag verified", want: "0.0.0-20261127072430.gCOMMIT"},
		{
			name: "two versions", prepare: commit + " && git tag v1.2.3 && git tag v1.2.4",
			fails: "several tags: v1.2.3, v1.2.4\nnext: say which with -version",
		},
		{name: "a version that is none", prepare: commit, version: "1.2", fails: "next: give it as 1.2.3"},
		{name: "a changed file", prepare: commit + " && echo more >>file", fails: "M file\nnext: commit them"},
		{name: "a new file", prepare: commit + " && touch new", fails: "?? new\nnext: commit them"},
		{name: "a trial with a changed file", prepare: commit + " && echo more >>file", snapshot: true, want: "0.0.0-20261127072430.gCOMMIT"},
		{name: "no checkout", prepare: "rm -r .git", fails: "next: run this in a checkout made by git clone"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
			tool(t, "sh", "-ec", `cd "$0" && git init -q && echo text >file && `+row.prepare, dir)
			src, err := look(t.Context(), dir, row.version, row.snapshot)
			if row.fails != "" {
				if err == nil || !strings.Contains(err.Error(), row.fails) {
					t.Errorf("%v, want %q", err, row.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(row.want, "COMMIT", src.commit[:12], 1)
			if src.version != want || src.time.Format("2006-01-02 15:04:05") != "2026-11-27 07:24:30" {
				t.Errorf("version %s at %v, want %s", src.version, src.time, want)
			}
		})
	}
}

func TestFilesThatGitPassesOverAreNotInARelease(t *testing.T) {
	needTool(t, "git")
	dir := t.TempDir()
	tool(t, "sh", "-ec", `cd "$0" && git init -q && echo text >file && echo text >hidden && git add . &&
		git -c user.name=Anna -c user.email=anna@example.com commit -qm one && git tag v1.2.3 &&
		echo more >>hidden && git update-index --skip-worktree hidden &&
		echo 'package main' >mine.go && mkdir -p .git/info && echo mine.go >.git/info/exclude`, dir)
	src, err := look(t.Context(), dir, "", false)
	if err != nil {
		t.Fatal(err)
	}
	if src, err = src.cloned(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	hidden, err := os.ReadFile(filepath.Join(src.root, "hidden"))
	if err != nil || string(hidden) != "text\n" {
		t.Errorf("the file has %q, %v", hidden, err)
	}
	if _, err := os.Stat(filepath.Join(src.root, "mine.go")); err == nil {
		t.Error("go build would take a file that is not committed")
	}
}

func TestATrialsVersionIsOlderThanEveryRelease(t *testing.T) {
	order := []string{"0.0.0-20261127072430.g0123456789ab", "0.0.0-20261128000000.gabcdef012345", "0.1.0-rc.1", "0.1.0", "1.0.0"}
	for i := range order[1:] {
		if !semver.MustParse(order[i]).LessThan(semver.MustParse(order[i+1])) {
			t.Errorf("%s is not before %s", order[i], order[i+1])
		}
		needTool(t, "dpkg")
		tilde := strings.NewReplacer("-", "~")
		tool(t, "dpkg", "--compare-versions", tilde.Replace(order[i]), "lt", tilde.Replace(order[i+1]))
	}
}

func TestAnotherFolderIsNotEmptiedForARelease(t *testing.T) {
	r := release{out: t.TempDir()}
	if err := os.WriteFile(filepath.Join(r.out, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.clear(); err == nil || !strings.Contains(err.Error(), "next: name another folder") {
		t.Errorf("a folder with other files: %v", err)
	}
	if err := os.WriteFile(filepath.Join(r.out, sums), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.clear(); err == nil {
		t.Error("a folder with other files beside a SHA256SUMS was emptied")
	}
	if err := os.Remove(filepath.Join(r.out, "letter.txt")); err != nil {
		t.Fatal(err)
	}
	if err := r.clear(); err != nil {
		t.Errorf("a release of before: %v", err)
	}
}
