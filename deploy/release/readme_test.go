package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README tells of release 1.2.3; what it names there must be in every release.
func TestTheFilesThatTheREADMENamesAreInARelease(t *testing.T) {
	f := theRelease(t)
	text, err := os.ReadFile(filepath.Join(f.root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(name+`[-_]1\.2\.3\S*\.(deb|rpm|tar\.gz|zip)\b`).FindAllString(string(text), -1)
	if len(named) != 4 {
		t.Errorf("the README names %q, want a package of each kind and an archive of each kind", named)
	}
	for _, file := range named {
		pattern := strings.Replace(file, "1.2.3", "*", 1) // .rpm writes versions of trials in another way
		if found, err := filepath.Glob(filepath.Join(f.out, pattern)); err != nil || len(found) != 1 {
			t.Errorf("%s: there are %q in a release (%v)", file, found, err)
		}
	}
}
