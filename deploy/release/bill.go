package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// bill writes what a binary is made of, as it tells itself: CycloneDX 1.6 with each module and Go's own library.
func (r release) bill(t target) error {
	program, err := os.ReadFile(r.binary(t))
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(program)
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = serial(sum)
	main := cyclonedx.Component{
		Type: cyclonedx.ComponentTypeApplication, BOMRef: name, Name: name, Version: r.version,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Properties: &[]cyclonedx.Property{
			{Name: name + ":platform", Value: t.String()}, {Name: name + ":commit", Value: r.commit},
		},
	}
	bom.Metadata = &cyclonedx.Metadata{Timestamp: r.time.Format(time.RFC3339), Component: &main}
	components := []cyclonedx.Component{library("std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, d := range info.Deps {
		c, err := module(d)
		if err != nil {
			return err
		}
		components = append(components, c)
	}
	var refs []string
	for _, c := range components {
		refs = append(refs, c.BOMRef)
	}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: name, Dependencies: &refs}}
	var written bytes.Buffer
	err = cyclonedx.NewBOMEncoder(&written, cyclonedx.BOMFileFormatJSON).SetPretty(true).
		EncodeVersion(bom, cyclonedx.SpecVersion1_6)
	if err != nil {
		return err
	}
	return r.write(fmt.Sprintf("%s_%s_%s_%s.cdx.json", name, r.version, t.os, t.arch), written.Bytes())
}

// serial is a UUID of the binary's checksum (RFC 9562, version 8): the same for the same bytes.
func serial(sum [sha256.Size]byte) string {
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func library(path, version string) cyclonedx.Component {
	url := "pkg:golang/" + strings.ToLower(path) + "@" + version // purl: the type golang is written small
	return cyclonedx.Component{
		Type: cyclonedx.ComponentTypeLibrary, BOMRef: url, Name: path, Version: version,
		Scope: cyclonedx.ScopeRequired, PackageURL: url,
	}
}

// module is a requirement with its checksum of go.sum, which is a SHA-256 of its files' names and checksums.
func module(d *debug.Module) (cyclonedx.Component, error) {
	if d.Replace != nil {
		d = d.Replace
	}
	c := library(d.Path, d.Version)
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(d.Sum, "h1:"))
	if err != nil || len(sum) != sha256.Size {
		return c, fmt.Errorf("%s has the checksum %q, which is none of go.sum", d.Path, d.Sum)
	}
	c.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	return c, nil
}
