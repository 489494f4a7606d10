package app

import (
	"runtime/debug"
	"strings"
)

// stamped is "VERSION@COMMIT" in a release, whose builds are given it by deploy/release.
var stamped string //nolint:gochecknoglobals // the linker's -X sets nothing else

// BuildVersion tells a release's version and commit, else the module's version or the commit it was built from.
func BuildVersion() (version, commit, goVersion string) {
	version, commit = "devel", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, commit, "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	if v, c, ok := strings.Cut(stamped, "@"); ok {
		version, commit = v, c
	}
	return version, commit, info.GoVersion
}
