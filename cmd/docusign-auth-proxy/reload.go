package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newReload() *cobra.Command {
	var o operations
	return o.flags(&cobra.Command{
		Use: "reload", Short: "Let the running proxy read its configuration again", Args: cobra.NoArgs,
		Long: `A running proxy takes a changed file over by itself within seconds. This does it at once, and fails with the problems of a configuration
that is refused; the last good one then stays in force.`,
		Example: "  docusign-auth-proxy reload --config proxy.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var said []byte
			if err := o.ask(cmd, http.MethodPost, nil, &said, "-/reload"); err != nil {
				return err
			}
			return o.tell(cmd, map[string]bool{"reloaded": true},
				fmt.Sprintf("reloaded\nnext: docusign-auth-proxy report%s", o.same()))
		},
	})
}
