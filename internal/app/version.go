package app

import (
	"runtime/debug"
)

// BuildVersion tells the module's version or the commit it was built from.
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
	return version, commit, info.GoVersion
}
