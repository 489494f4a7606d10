package main

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // makes itself known to nfpm
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // makes itself known to nfpm
)

//go:embed scripts
var scripts embed.FS

const (
	summary     = "lets programs with DocuSign's legacy authentication go on working"
	description = "It takes the integrator key, user name and password that an old program sends,\n" +
		"proves them, and passes the call on to DocuSign with an OAuth bearer token."
	etc   = "/etc/" + name
	state = "/var/lib/" + name
	share = "/usr/share/doc/" + name
)

// pack makes the package of a format for a machine.
func (r release) pack(format string, t target, docs documents) error {
	stage, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	p := packing{release: r, format: format, stage: stage}
	if err := p.add(t, docs); err != nil {
		return err
	}
	info, err := p.info(t)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := packager.Package(info, &packed); err != nil {
		return err
	}
	return r.write(packager.ConventionalFileName(info), packed.Bytes())
}

// packing is one package on its way: nfpm takes files from a folder.
type packing struct {
	release
	format   string
	stage    string
	contents files.Contents
}

func (p *packing) info(t target) (*nfpm.Info, error) {
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: name, Arch: t.arch, Platform: "linux", Version: p.version, VersionSchema: "semver",
		Section: "net", Priority: "optional", Maintainer: p.maintainer, MTime: p.time, DisableGlobbing: true,
		License:     "see " + share + "/copyright",
		Description: summary + "\n" + description,
	})
	info.Contents = p.contents
	info.Recommends = []string{"ca-certificates"}
	if p.format == "deb" {
		info.Depends = []string{"init-system-helpers (>= 1.54~)", "passwd"}
	} else {
		info.Depends, info.Release = []string{"/usr/sbin/runuser", "/usr/sbin/useradd"}, "1"
		info.RPM.BuildHost, info.RPM.Packager, info.RPM.Summary = "localhost", p.maintainer, summary
	}
	for _, s := range []struct {
		path     *string
		deb, rpm string
	}{
		{&info.Scripts.PreInstall, "", "rpm.pre"},
		{&info.Scripts.PostInstall, "deb.postinst", "rpm.post"},
		{&info.Scripts.PreRemove, "deb.prerm", "rpm.preun"},
		{&info.Scripts.PostRemove, "deb.postrm", "rpm.postun"},
	} {
		file := s.rpm
		if p.format == "deb" {
			file = s.deb
		}
		if file == "" {
			continue
		}
		var err error
		if *s.path, err = p.script(file); err != nil {
			return nil, err
		}
	}
	return info, nil
}

// script writes one of the packages' scripts, with what they share before it.
func (p *packing) script(file string) (string, error) {
	common, err := scripts.ReadFile("scripts/common.sh")
	if err != nil {
		return "", err
	}
	own, err := scripts.ReadFile("scripts/" + file)
	if err != nil {
		return "", err
	}
	return p.staged(file, append(common, own...))
}

func (p *packing) staged(file string, data []byte) (string, error) {
	path := filepath.Join(p.stage, strings.ReplaceAll(file, "/", "!"))
	return path, os.WriteFile(path, data, 0o644)
}

// file adds one. Manual pages and Debian's changelog are compressed, a configuration is for root and the proxy alone.
func (p *packing) file(path string, data []byte) error {
	if strings.HasPrefix(path, "/usr/share/man/") || path == share+"/changelog" {
		var err error
		if data, err = gzipped(data); err != nil {
			return err
		}
		path += ".gz"
	}
	from, err := p.staged(path, data)
	if err != nil {
		return err
	}
	c := &files.Content{
		Source: from, Destination: path,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o644, MTime: p.time},
	}
	switch {
	case strings.HasPrefix(path, "/usr/bin/"):
		c.FileInfo.Mode = 0o755
	case strings.HasPrefix(path, etc):
		c.Type, c.FileInfo.Group, c.FileInfo.Mode = files.TypeConfigNoReplace, name, 0o640
	}
	p.contents = append(p.contents, c)
	return nil
}

func (p *packing) folder(path, owner, group string, mode fs.FileMode) {
	p.contents = append(p.contents, &files.Content{
		Type: files.TypeDir, Destination: path,
		FileInfo: &files.ContentFileInfo{Owner: owner, Group: group, Mode: mode, MTime: p.time},
	})
}

// add gives each file its place.
func (p *packing) add(t target, docs documents) error {
	program, err := os.ReadFile(p.binary(t))
	if err != nil {
		return err
	}
	placed := map[string][]byte{"/usr/bin/" + name: program, share + "/copyright": p.copyright(docs)}
	for file, data := range docs {
		if wantedOn("linux", file) {
			placed[p.place(file)] = data
		}
	}
	const systemd = "deploy/systemd/"
	placed["/usr/lib/systemd/system/"+name+".service"] =
		bytes.ReplaceAll(docs[systemd+name+".service"], []byte("/usr/local/bin/"), []byte("/usr/bin/"))
	placed["/usr/lib/sysusers.d/"+name+".conf"] = docs[systemd+name+".sysusers.conf"]
	placed["/usr/lib/tmpfiles.d/"+name+".conf"] = docs[systemd+name+".tmpfiles.conf"]
	placed[etc+"/config.yaml"] = bytes.Replace(docs[systemd+"config.yaml"], []byte("../../"), []byte(share+"/"), 1)
	if p.format == "deb" {
		placed[share+"/changelog"] = p.changelog()
	}
	p.folder(etc, "root", name, 0o750)
	p.folder(state, name, name, 0o700)
	for _, path := range slices.Sorted(maps.Keys(placed)) {
		if err := p.file(path, placed[path]); err != nil {
			return err
		}
	}
	return nil
}

// place is where a document lies on a machine.
func (p *packing) place(file string) string {
	if page, is := strings.CutPrefix(file, "man/"); is {
		return "/usr/share/man/man1/" + page
	}
	zsh := "/usr/share/zsh/site-functions/"
	if p.format == "deb" {
		zsh = "/usr/share/zsh/vendor-completions/"
	}
	switch file {
	case "completions/" + name + ".bash":
		return "/usr/share/bash-completion/completions/" + name
	case "completions/" + name + ".fish":
		return "/usr/share/fish/vendor_completions.d/" + name + ".fish"
	case "completions/_" + name:
		return zsh + "_" + name
	}
	return share + "/" + file // with its folder: the documents' links lead from one to the other
}

// changelog is in Debian's form, which its tools read; what is new stands in CHANGELOG.md.
func (p *packing) changelog() []byte {
	return fmt.Appendf(nil, "%s (%s) stable; urgency=medium\n\n  * See %s/CHANGELOG.md.\n\n -- %s  %s\n",
		name, p.version, share, p.maintainer, p.time.Format(time.RFC1123Z))
}

func (p *packing) copyright(docs documents) []byte {
	own := docs["LICENSE"]
	if own == nil {
		own = []byte("The source has no file LICENSE: ask its authors before you pass it on.\n")
	}
	return fmt.Appendf(nil, "%s %s, of commit %s.\n\n%s\nWhat is compiled in has its own terms: %s/%s\n",
		name, p.version, p.commit, own, share, licenses)
}
