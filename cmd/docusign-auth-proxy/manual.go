package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files"
)

func newManual() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "manual", Short: "Write the manual pages, one for each command",
		Long: `Writes a manual page for each command into a folder, which is made if it does not exist. The pages follow from the command definitions
and are the same for the same build: their date is $SOURCE_DATE_EPOCH, else that of the commit, else that of the release.`,
		Example: "  docusign-auth-proxy manual --dir man\n  man -l man/docusign-auth-proxy-run.1", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			date, err := manualDate(os.LookupEnv)
			if err != nil {
				return err
			}
			if err := writeManual(cmd.Root(), dir, date); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "next: install -D -m 0644 -t /usr/local/share/man/man1 %s/*.1\n",
				dir)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "man", "`FOLDER` for the pages")
	return cmd
}

// writeManual writes the pages of a command and of all below it that help shows.
func writeManual(root *cobra.Command, dir string, date time.Time) error {
	if err := files.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root.DisableAutoGenTag = true // who reads the page need not know what made it
	version, _, _ := app.BuildVersion()
	return doc.GenManTree(root, &doc.GenManHeader{
		Section: "1", Date: &date, Source: "docusign-auth-proxy " + version, Manual: "docusign-auth-proxy",
	}, dir)
}

// released is the date of the newest section of CHANGELOG.md, for builds without the commit's time, as from an archive.
const released = "2026-11-26"

// manualDate is the date of the sources (reproducible-builds.org, SOURCE_DATE_EPOCH in seconds), in UTC.
func manualDate(lookupEnv func(string) (string, bool)) (time.Time, error) {
	if text, set := lookupEnv("SOURCE_DATE_EPOCH"); set {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key != "vcs.time" {
				continue
			}
			if date, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return date.UTC(), nil
			}
		}
	}
	return time.Parse(time.DateOnly, released)
}
