package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"

	"docusign-auth-proxy/translate/legacy"
)

// check holds the decoded values to the rules that tie fields together, and fills in what follows from others.
func check(s *sources, c *Config) {
	checkEnvironment(s.report, c)
	checkListen(s.report, c)
	if c.Interception != nil {
		checkAuthority(s, c.Interception)
	}
	checkEgress(s.report, c)
	checkUpstream(s, &c.Upstream)
	if c.Admin.RedirectURI != "" {
		c.Admin.Redirect, _ = url.Parse(c.Admin.RedirectURI) // of its format
	}
	checkStore(s, c)
	if c.Log.File != "" {
		c.Log.File = s.resolvePath(c.Log.File)
		checkDirectory(s, "log.file", filepath.Dir(c.Log.File))
	}
	checkIntegrations(s, c)
}

// refuseRepeated reports a name that an earlier item of the list has.
func refuseRepeated(r *report, path string, first map[string]int, name string, i int, what string) {
	name = legacy.Fold(name)
	earlier, again := first[name]
	r.problemIf(again, path, fmt.Sprintf("is the same %s as in item %d of the list", what, earlier), "")
	if !again && name != "" {
		first[name] = i
	}
}

// checkStore looks for the directory alone: the file is made at the first start.
func checkStore(s *sources, c *Config) {
	st := &c.Store
	if st.Redis == nil {
		checkFileStore(s)
	}
	switch {
	case st.Redis != nil:
		checkRedis(s, c)
	case st.File == Memory:
		st.File = ""
		s.warnIf(c.PinPassword == FirstUse, "pin_password",
			"without store, each restart believes the first password again", "add store: state.db")
	case st.File == "":
		// No check: where the default cannot be used, the program says so and keeps the state in memory.
		st.File, st.Implicit = s.defaultStore(), true
	default:
		st.File = s.resolvePath(st.File)
		checkDirectory(s, "store", filepath.Dir(st.File))
	}
	if runtime.GOOS == "windows" && st.File != "" { // elsewhere the store itself refuses such a file
		s.warnIfShared(st.File, "store")
	}
	if c.Admin.TokenFile != "" {
		c.Admin.TokenFile = s.resolvePath(c.Admin.TokenFile)
	} else { // beside the state, in a folder that the proxy can write
		c.Admin.TokenFile = cmp.Or(st.File, s.defaultStore()) + ".admin-token"
	}
}

// defaultStore is in the folder that systemd made for the service (StateDirectory=), or else beside the configuration.
func (s *sources) defaultStore() string {
	dirs, _ := s.env.LookupEnv("STATE_DIRECTORY")
	if list := filepath.SplitList(dirs); len(list) > 0 {
		return filepath.Join(list[0], DefaultStore)
	}
	return s.resolvePath(DefaultStore)
}

func checkDirectory(s *sources, path, dir string) {
	info, err := s.env.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		s.problem(path, fmt.Sprintf("the directory %s does not exist", dir), "make it, owned by the user the proxy runs as")
		return
	}
	s.problemIf(err != nil, path, fmt.Sprintf("cannot look at %s: %v", dir, err), "")
	s.problemIf(err == nil && !info.IsDir(), path, fmt.Sprintf("%s is not a directory", dir), "")
}
