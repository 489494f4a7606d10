package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/storecopy"
	"docusign-auth-proxy/internal/words"
)

func newStore() *cobra.Command {
	cmd := &cobra.Command{
		Use: "store", Short: "Make the key of the store that replicas share, and move what the proxy remembers",
		Long: `The proxy remembers issued tokens and passwords, pinned passwords, logins and who still calls: in a state file, or, with store.redis,
in a server that several replicas share. docs/scale.md says when one needs that, and how to set it up.`,
		Example: `  docusign-auth-proxy store key --output store.key
  docusign-auth-proxy store copy --config proxy.yaml --to replicas.yaml`,
	}
	cmd.AddCommand(newStoreKey(), newStoreCopy(), newStoreRestore())
	return cmd
}

func newStoreKey() *cobra.Command {
	var output, check string
	cmd := &cobra.Command{
		Use: "key", Short: "Make a key for store.key, or look at one",
		Long: `Makes 32 random bytes as text. All replicas need the same key, and the server never sees it. Whoever moves from a state file keeps the
file with the name of the state file and .key at its end instead: what the proxy issued so far holds with that one alone.`,
		Example: `  docusign-auth-proxy store key --output store.key
  docusign-auth-proxy store key --check store.key`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			said, err := storeKey(output, check)
			if err == nil {
				_, err = fmt.Fprint(cmd.OutOrStdout(), said)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write, which must not exist yet (default: standard output)")
	cmd.Flags().StringVar(&check, "check", "", "`FILE` with a key to look at instead")
	cmd.MarkFlagsMutuallyExclusive("output", "check")
	return cmd
}

func storeKey(output, check string) (said string, err error) {
	switch {
	case check != "":
		fingerprint, err := store.KeyFingerprint(check)
		return fmt.Sprintf("%s holds a key; its fingerprint, the same on every replica, is %s\n", check, fingerprint), err
	case output != "":
		return fmt.Sprintf("made %s\nnext: bring it to every replica, and name it there: store: {key: {file: %s}}\n",
			output, output), files.Create(output, []byte(store.NewKey()), 0o600)
	}
	return store.NewKey(), nil
}

func newStoreCopy() *cobra.Command {
	o := operations{}
	var to string
	cmd := &cobra.Command{
		Use: "copy", Short: "Copy what the proxy remembers to another store",
		Long: `Copies issued tokens and passwords, pinned passwords, logins, learnt ids, return addresses, the journal of creations and the record of
who still calls. The store of --config is only read. In the other one nothing gives way: what is there stays, and a copy that was
interrupted may be repeated. Then all is read again and compared.

A proxy with a state file has to be stopped for it; replicas with store.redis may run. Both sides need the same key: move the .key
file of the state file to where store.key is named. Danger: who copies again after weeks brings back what was ended meanwhile.`,
		Example: `  docusign-auth-proxy store copy --config proxy.yaml --to replicas.yaml
  docusign-auth-proxy store copy --config replicas.yaml --to state.db`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := storecopy.Run(cmd.Context(), o.config, to)
			if len(r.Kinds) == 0 && err != nil {
				return err
			}
			return errors.Join(o.tell(cmd, r, o.copied(r, to, err == nil)), err)
		},
	}
	configFlag(cmd, &o.config)
	cmd.Flags().StringVar(&to, "to", "", "configuration that names the other store, or a state `FILE`")
	cmd.Flags().BoolVar(&o.json, "json", false, "answer in JSON, for programs")
	_ = cmd.MarkFlagRequired("to") // the flag is there
	return cmd
}

// newStoreRestore asks a running replica, which alone knows which store it was.
func newStoreRestore() *cobra.Command {
	var o operations
	var from string
	cmd := &cobra.Command{
		Use: "restore", Short: "Fill a server that lost everything with what a running replica has",
		Long: `A server of store.redis that comes back empty is not believed: the replicas go on with their copies. This has one of them fill it, once:
tokens, passwords, pins, logins, learnt ids and the journal; the record of who calls goes on from what was not sent yet. Then all replicas
take it for their store again. A server that holds a store already is refused. First make sure that the address is right: an empty store is
more often a wrong address than a lost one.`,
		Example: `  docusign-auth-proxy store restore --config proxy.yaml
  docusign-auth-proxy store restore --config proxy.yaml --from 10.0.0.11:9090`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from != "" {
				o.admin = "http://" + from
			}
			var r app.Restored
			if err := o.ask(cmd, http.MethodPost, app.RestorePath, nil, &r); err != nil {
				return err
			}
			rows := []string{"kind\twritten"}
			for _, k := range r.Kinds {
				rows = append(rows, fmt.Sprintf("%s\t%d", k.Kind, k.Added))
			}
			return o.tell(cmd, r, fmt.Sprintf("%s is filled; all replicas use it again\n\n%s\nnext: docusign-auth-proxy doctor --config %s",
				r.Store, table(rows), words.Argument(o.config)))
		},
	}
	configFlag(cmd, &o.config)
	cmd.Flags().StringVar(&from, "from", "", "`ADDRESS` of the operations listener of a replica (default: listen.admin of the "+
		"configuration)")
	o.loginFlags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "answer in JSON, for programs")
	return cmd
}

// copied tells what became of each kind of record.
func (o *operations) copied(r storecopy.Report, to string, whole bool) string {
	rows := []string{"kind\tfound\tadded\tthere already"}
	for _, k := range r.Kinds {
		rows = append(rows, fmt.Sprintf("%s\t%d\t%d\t%d", k.Kind, k.Found, k.Added, k.Found-k.Added))
	}
	said := fmt.Sprintf("from %s\nto   %s\n\n%s\n", r.From, r.To, table(rows))
	if !whole {
		return said + "next: mend what is told below and copy again; what was copied stays"
	}
	next := "docusign-auth-proxy doctor --config " + words.Argument(to)
	if !storecopy.IsConfig(to) {
		next = "write store: " + r.To + " into the configuration of the proxy that takes over"
	}
	return said + "all of it is there, and was compared\nnext: " + next
}
