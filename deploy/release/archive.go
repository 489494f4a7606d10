package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// archive packs one binary with its documents: sorted, with the commit's time, owned by root.
func (r release) archive(t target, docs documents) error {
	program, err := os.ReadFile(r.binary(t))
	if err != nil {
		return err
	}
	folder := fmt.Sprintf("%s_%s_%s_%s", name, r.version, t.os, t.arch)
	files := map[string][]byte{folder + "/" + t.program(): program}
	for file, data := range docs {
		if t.os == "windows" {
			data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")) // the editor of older Windows shows no other line ends
		}
		if wantedOn(t.os, file) {
			files[folder+"/"+file] = data
		}
	}
	var packed []byte
	if t.os == "windows" {
		packed, err = r.zip(files)
		folder += ".zip"
	} else {
		packed, err = r.tarball(files)
		folder += ".tar.gz"
	}
	if err != nil {
		return err
	}
	return r.write(folder, packed)
}

// wantedOn leaves out the manuals and completions that a system does not read.
func wantedOn(system, file string) bool {
	switch {
	case strings.HasPrefix(file, "man/"):
		return system != "windows"
	case file == manual:
		return system == "windows"
	case strings.HasPrefix(file, "completions/"):
		return system != "windows" || strings.HasSuffix(file, ".ps1")
	}
	return true
}

func mode(file string) os.FileMode {
	if base := path.Base(file); base == name || base == name+".exe" {
		return 0o755
	}
	return 0o644
}

func (r release) tarball(files map[string][]byte) ([]byte, error) {
	var packed bytes.Buffer
	gz := gzip.NewWriter(&packed)
	w := tar.NewWriter(gz)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{
			Name: file, Size: int64(len(files[file])), Mode: int64(mode(file)), ModTime: r.time, Uname: "root", Gname: "root",
		}); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[file]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func (r release) zip(files map[string][]byte) ([]byte, error) {
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		header := &zip.FileHeader{Name: file, Method: zip.Deflate, Modified: r.time}
		header.SetMode(mode(file))
		entry, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(files[file]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// gzipped is what "gzip -9n" makes: without name and time.
func gzipped(data []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}
