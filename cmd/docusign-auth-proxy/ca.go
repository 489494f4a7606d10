package main

import (
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/internal/trust/ca"
)

const (
	defaultCACert = "ca.pem"
	defaultCAKey  = "ca-key.pem"
	defaultCADays = 730
)

func newCA() *cobra.Command {
	return newCAWith(ca.Machine{Now: time.Now, Run: trust.Exec, Interactive: isTerminal}, "")
}

func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// newCAWith makes the commands for a machine; root is the default of --root.
func newCAWith(m ca.Machine, root string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ca", Short: "Make, show, renew and spread the certificate authority that old programs are told to trust",
		Long: `Programs that reach DocuSign through a CONNECT proxy speak TLS, and what they say can be translated only if the proxy answers in
DocuSign's name. For that they have to trust a certificate authority of the proxy. It is limited to DocuSign's domains and this machine: whoever
steals its key can impersonate nothing else. Programs that call the proxy as a sidecar over http need none.`,
		Example: "  docusign-auth-proxy ca init\n  docusign-auth-proxy ca trust",
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			m.In, m.Out, m.Err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
		},
	}
	cmd.AddCommand(newCAInit(&m), newCAShow(&m), newCATrust(&m, root), newCARenew(&m))
	for _, c := range cmd.Commands() {
		c.Args = noArgs
		c.Flags().BoolVar(&m.JSON, "json", false, "print JSON")
	}
	return cmd
}

func certFlags(cmd *cobra.Command, s *ca.Source) {
	cmd.Flags().StringVar(&s.Cert, "cert", defaultCACert, "certificate `FILE`")
	cmd.Flags().StringVarP(&s.Config, "config", "c", "",
		"take the files from interception in this configuration `FILE`")
	cmd.MarkFlagsMutuallyExclusive("config", "cert")
}

func newCAShow(m *ca.Machine) *cobra.Command {
	var source ca.Source
	var asPEM bool
	cmd := &cobra.Command{
		Use: "show", Short: "Show the CA: fingerprints, days left, what it may sign for",
		Long: `Shows the certificate, never the key. With --config the key is read too, to tell whether it belongs to the ` +
			`certificate.`,
		Example: `  docusign-auth-proxy ca show --cert ca.pem
  docusign-auth-proxy ca show --cert ca.pem --pem > for-the-old-machine.pem`,
		RunE: func(*cobra.Command, []string) error { return ca.Show(m, source, asPEM) },
	}
	certFlags(cmd, &source)
	cmd.Flags().BoolVar(&asPEM, "pem", false, "print the certificate itself, for other machines")
	return cmd
}

func newCAInit(m *ca.Machine) *cobra.Command {
	var o ca.Init
	cmd := &cobra.Command{
		Use: "init", Short: "Make the CA: a certificate for the old machines, a key that stays here",
		Long: `Makes a certificate authority that can sign for no other names than docusign.net, docusign.com and localhost. A program that calls the
proxy as a sidecar over https by another name needs that name too (--name): nothing can be added later without a new certificate.

Addresses are not limited, for Mono and old OpenSSL refuse every certificate with an address below an authority that limits them. Where no such
program is, --ip-constraints limits them to this machine's loopback and to the addresses and networks given with --name: whoever steals the key
can then impersonate no server that is called by address.

The key is RSA unless asked otherwise, for old programs cannot verify ECDSA. Some of them (OpenSSL before 1.0) also refuse a certificate with
critical constraints: --lenient-constraints lets them in, and they then ignore the limit.`,
		Example: `  docusign-auth-proxy ca init
  docusign-auth-proxy ca init --dir sidecar-ca --name proxy.intranet.example
  docusign-auth-proxy ca init --dir modern-ca --ip-constraints --name 10.1.2.3`,
		RunE: func(*cobra.Command, []string) error { return o.Run(m) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", ".", "`FOLDER` for both files; made if it does not exist")
	f.StringVar(&o.Cert, "cert", defaultCACert, "name of the certificate `FILE` in the folder")
	f.StringVar(&o.Key, "key", defaultCAKey, "name of the private key `FILE` in the folder")
	f.StringVar(&o.Algorithm, "algorithm", "rsa", "rsa or ecdsa")
	f.IntVar(&o.Days, "days", defaultCADays, "days until it expires, 1 to 3650")
	f.StringArrayVar(&o.Names, "name", nil,
		"additional DNS `NAME`, address or network it may sign for; may be repeated")
	f.BoolVar(&o.Addresses, "ip-constraints", false, "limit the addresses too; Mono and old OpenSSL do not take "+
		"such an authority")
	f.BoolVar(&o.Lenient, "lenient-constraints", false, "mark the constraints as not critical, for very old programs")
	f.BoolVar(&o.Force, "force", false, "make a new key although there is one; every program must then be told to "+
		"trust the new CA")
	return cmd
}

func newCARenew(m *ca.Machine) *cobra.Command {
	var source ca.Source
	var days int
	var addresses bool
	cmd := &cobra.Command{
		Use: "renew", Short: "Prolong the CA with the same key, without a flag day",
		Long: `Makes a certificate with the same key, subject and limits and a new term, and puts it in the place of the old one, which is kept beside it.
Programs that trust the old certificate go on working until its last day, those that trust the new one work at once: move them one by one.

The limits stay as they are, unless --ip-constraints=false takes those on addresses away, which Mono and old OpenSSL do not bear.`,
		Example: `  docusign-auth-proxy ca renew --cert ca.pem --key ca-key.pem --days 1095
  docusign-auth-proxy ca renew --ip-constraints=false`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("ip-constraints") {
				return ca.Renew(m, source, days, &addresses)
			}
			return ca.Renew(m, source, days, nil)
		},
	}
	certFlags(cmd, &source)
	cmd.Flags().StringVar(&source.Key, "key", defaultCAKey, "private key `FILE`")
	cmd.MarkFlagsMutuallyExclusive("config", "key")
	cmd.Flags().IntVar(&days, "days", defaultCADays, "days from today until the new certificate expires, 1 to 3650")
	cmd.Flags().BoolVar(&addresses, "ip-constraints", false,
		"limit the addresses too, or with =false no longer (default as it is)")
	return cmd
}

func newCATrust(m *ca.Machine, root string) *cobra.Command {
	var o ca.Trust
	cmd := &cobra.Command{
		Use: "trust", Short: "Tell how to make machines and programs trust the CA, or do it here",
		Long: `Without --install it changes nothing: it prints the lines for each platform and language. The lines name the certificate's file on this
machine; for another one, copy the file (never the key) there and name its place with --as.

--install and --uninstall work on the system's store of Debian, Ubuntu, Alpine, RHEL, Fedora, SUSE and Windows (that of the machine, as
administrator), or on a Java keystore; they say what they will do and ask first. --check exits with 0 if the store trusts the CA, and with 1 if not.`,
		Example: `  docusign-auth-proxy ca trust --cert ca.pem
  docusign-auth-proxy ca trust --cert ca.pem --for java,windows --as /opt/erp/ca.pem
  docusign-auth-proxy ca trust --cert ca.pem --install --yes
  docusign-auth-proxy ca trust --cert ca.pem --check
  docusign-auth-proxy ca trust --cert ca.pem --uninstall --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.Run(cmd.Context(), m) },
	}
	certFlags(cmd, &o.Source)
	f := cmd.Flags()
	f.StringSliceVar(&o.Only, "for", nil, "print the lines for these `PLATFORMS` alone: java, windows, dotnet, debian, "+
		"python, …")
	f.StringVar(&o.As, "as", "", "`PATH` of the certificate on the machine where the lines are pasted")
	f.BoolVar(&o.Install, "install", false, "put the CA into the store")
	f.BoolVar(&o.Uninstall, "uninstall", false, "take the CA out of the store")
	f.BoolVar(&o.Check, "check", false, "tell whether the store trusts the CA")
	f.StringVar(&o.Keystore, "keystore", "", "work on this Java keystore `FILE` instead of the system's store")
	f.StringVar(&o.StorePassIn, "storepass-env", "", "name of the environment `VARIABLE` with the keystore's "+
		"password (default: the password is changeit)")
	f.StringVar(&o.Root, "root", root, "work on the system image below this `FOLDER` (by chroot)")
	f.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	cmd.MarkFlagsMutuallyExclusive("install", "uninstall", "check", "for")
	cmd.MarkFlagsMutuallyExclusive("install", "uninstall", "check", "as")
	cmd.MarkFlagsMutuallyExclusive("root", "keystore")
	return cmd
}
