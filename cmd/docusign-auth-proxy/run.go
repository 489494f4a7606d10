package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
)

func newRun() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Run the proxy",
		Long:    "Run the proxy until SIGTERM or Ctrl-C. Calls under way are finished before it ends.",
		Example: "  docusign-auth-proxy run --config proxy.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			holder := &config.Holder{Path: path}
			cfg, err := holder.Reload()
			if err != nil {
				return err
			}
			return app.RunLogged(os.Stderr, cfg.Log, func(log *slog.Logger, h app.Hooks) error {
				tuneCollector()
				p, err := app.New(holder, log, h)
				if err != nil {
					return err
				}
				return p.Run(cmd.Context())
			})
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// tuneCollector trades memory for processor time: the live heap is a few megabytes, so collecting at a fourfold instead
// of a double size costs little memory. An operator who sets GOGC decides otherwise.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
}

const defaultConfig = "docusign-auth-proxy.yaml"

func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", defaultConfig, "configuration `FILE`")
}
