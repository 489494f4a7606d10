package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/observe/capture"
	"docusign-auth-proxy/internal/words"
)

const captures = "api/capture" // on the operations listener

func newCapture() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capture",
		Short: "See the next calls of an integration: asked, sent, answered, with secrets masked",
		Long: `Keeps the next calls of one integration in the memory of the running proxy, as DocuSign's own request logging does: what the program
asked, what went to DocuSign, what DocuSign answered, and what the program got. Secrets are masked before anything is kept, bodies are cut
and documents left out; names and addresses of people stay, so treat the file as personal data. It is off until it is started, ends by itself
after an hour at the latest, and is forgotten an hour later. Nothing is written to disk but the file that you fetch.`,
		Example: `  docusign-auth-proxy capture start --integration nightly-billing --requests 50
  docusign-auth-proxy capture download --format zip --output capture.zip`,
	}
	cmd.AddCommand(newCaptureStart(), newCaptureStatus(), newCaptureStop(), newCaptureDownload(), newCaptureDelete())
	return cmd
}

func newCaptureStart() *cobra.Command {
	var o operations
	var integration string
	var requests, body int
	var limit time.Duration
	cmd := &cobra.Command{
		Use: "start", Short: "Keep the next calls of an integration", Args: noArgs,
		Example: `  docusign-auth-proxy capture start --integration nightly-billing --requests 50
  docusign-auth-proxy capture start --integration unknown --for 10m --admin http://127.0.0.1:9090`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, err := json.Marshal(map[string]any{"integration": integration, "requests": requests,
				"max_body": body, "for": limit.String()})
			if err != nil {
				return err
			}
			var info capture.Info
			if err := o.ask(cmd, http.MethodPost, captures, asked, &info); err != nil {
				return err
			}
			return o.tell(cmd, info, fmt.Sprintf("capture %s keeps the next %s of %s, until %s at the "+
				"latest\nnext: let the program work, then %s", info.ID, words.Count(info.Requests, "call", "calls"), info.Integration,
				info.Until.Local().Format(time.DateTime), o.downloading(info.ID)))
		},
	}
	cmd.Flags().StringVarP(&integration, "integration", "i", "",
		"`NAME` from the configuration, \"unknown\" for calls of none, or \"*\" for every call to DocuSign")
	cmd.Flags().IntVarP(&requests, "requests", "n", capture.DefaultRequests,
		fmt.Sprintf("`NUMBER` of calls to keep, at most %d", capture.MaxRequests))
	cmd.Flags().IntVar(&body, "max-body", capture.DefaultBody,
		fmt.Sprintf("`BYTES` to keep of the beginning of each body, at most %d", capture.MaxBody))
	cmd.Flags().DurationVar(&limit, "for", capture.MaxTime, "`TIME` after which the capture ends, at most 1h")
	_ = cmd.MarkFlagRequired("integration") // fails only for a flag that is not there
	return o.flags(cmd)
}

func newCaptureStatus() *cobra.Command {
	var o operations
	return o.flags(&cobra.Command{
		Use: "status", Short: "List the captures", Args: noArgs, Example: "  docusign-auth-proxy capture status",
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := o.list(cmd)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return o.tell(cmd, map[string]any{"captures": list}, "no capture is running, and none is kept\n"+
					"next: docusign-auth-proxy capture start --integration NAME"+o.same())
			}
			return o.tell(cmd, map[string]any{"captures": list},
				captureTable(list)+"next: "+o.downloading(list[len(list)-1].ID))
		},
	})
}

func captureTable(list []capture.Info) string {
	rows := []string{"capture\tintegration\tcalls\tstate\tstarted\tby\tkept until"}
	for _, i := range list {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d of %d\t%s\t%s\t%s\t%s", i.ID, i.Integration, i.Captured, i.Requests,
			cmp.Or(i.Ended, "running"), i.Started.Local().Format(time.TimeOnly), i.By,
			i.Until.Local().Format(time.TimeOnly)))
	}
	return table(rows)
}

// downloading is the command that fetches a capture.
func (o *operations) downloading(id string) string {
	return "docusign-auth-proxy capture download " + id + " --format zip --output capture.zip" + o.same()
}

func newCaptureStop() *cobra.Command {
	var o operations
	return o.flags(&cobra.Command{
		Use: "stop [ID]", Short: "End a capture and keep what it has", Args: cobra.MaximumNArgs(1),
		Example: "  docusign-auth-proxy capture stop\n  docusign-auth-proxy capture stop 3f9a0c2b71de",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := o.chosen(cmd, args, true)
			if err != nil {
				return err
			}
			var info capture.Info
			if err := o.ask(cmd, http.MethodPost, captures+"/"+url.PathEscape(id)+"/stop", nil, &info); err != nil {
				return err
			}
			return o.tell(cmd, info, fmt.Sprintf("capture %s of %s has ended with %s\nnext: %s", info.ID,
				info.Integration, words.Count(info.Captured, "call", "calls"), o.downloading(info.ID)))
		},
	})
}

func newCaptureDownload() *cobra.Command {
	var o operations
	var format, output string
	cmd := o.flags(&cobra.Command{
		Use: "download [ID]", Short: "Fetch a capture as ZIP or HAR", Args: cobra.MaximumNArgs(1),
		Long: `Fetches the newest capture, or the one named: zip has a text file for each call and an index, har is read by browsers and by tools for
HTTP. A capture that is still running is fetched as far as it has come.`,
		Example: "  docusign-auth-proxy capture download --format zip --output capture.zip\n  docusign-auth-proxy " +
			"capture download 3f9a0c2b71de --format har --output capture.har",
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "zip" && format != "har" {
				return fmt.Errorf("--format %q is none of zip, har", format)
			}
			id, err := o.chosen(cmd, args, false)
			if err != nil {
				return err
			}
			var file []byte
			if err := o.ask(cmd, http.MethodGet, captures+"/"+url.PathEscape(id)+"."+format, nil, &file); err != nil {
				return err
			}
			name := cmp.Or(output, "docusign-capture-"+id+"."+format)
			if name == "-" {
				_, err := cmd.OutOrStdout().Write(file)
				return err
			}
			if err := files.Write(name, file, 0o600); err != nil {
				return fmt.Errorf("--output: %w", err)
			}
			return o.tell(cmd, map[string]any{"capture": id, "format": format, "file": name, "bytes": len(file)},
				fmt.Sprintf("wrote %s, %d bytes; it may hold personal data\nnext: docusign-auth-proxy capture delete %s%s",
					name, len(file), id, o.same()))
		},
	})
	cmd.Flags().StringVarP(&format, "format", "f", "zip", "`FORMAT`: zip, har")
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write, readable by its owner alone; - = "+
		"standard output (default: docusign-capture-ID.zip or .har)")
	return cmd
}

func newCaptureDelete() *cobra.Command {
	var o operations
	return o.flags(&cobra.Command{
		Use: "delete ID", Short: "End a capture and forget what it has", Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one capture by its id; docusign-auth-proxy capture status lists them")
			}
			return nil
		},
		Example: "  docusign-auth-proxy capture delete 3f9a0c2b71de",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.ask(cmd, http.MethodDelete, captures+"/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			return o.tell(cmd, map[string]string{"deleted": args[0]},
				"capture "+args[0]+" is forgotten\nnext: docusign-auth-proxy capture status"+o.same())
		},
	})
}

// chosen is the capture named, or the newest; of several that run none is guessed.
func (o *operations) chosen(cmd *cobra.Command, args []string, running bool) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	list, err := o.list(cmd)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, i := range list {
		if i.Running || !running {
			ids = append(ids, i.ID)
		}
	}
	switch {
	case len(ids) == 0 && running:
		return "", errors.New("no capture is running")
	case len(ids) == 0:
		return "", errors.New("there is no capture: docusign-auth-proxy capture start")
	case len(ids) > 1 && running:
		return "", fmt.Errorf("several captures are running; name one: %s", strings.Join(ids, ", "))
	}
	return ids[len(ids)-1], nil
}

func (o *operations) list(cmd *cobra.Command) ([]capture.Info, error) {
	var answer struct{ Captures []capture.Info }
	err := o.ask(cmd, http.MethodGet, captures, nil, &answer)
	return answer.Captures, err
}
