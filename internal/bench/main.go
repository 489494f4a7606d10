// Command bench measures the proxy against a bare httputil.ReverseProxy and against goproxy's own interception, in one
// run and in turns, so that its ratios hold on a machine that does other things as well. It must never touch an address
// that is not loopback, nor a process it did not start. Developers and CI run it with go run -C internal/bench . and
// docs/performance.md holds its figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// peerMode is the hidden first argument with which the program starts itself as one of the peers.
const peerMode = "peer"

// options are the flags.
type options struct {
	rounds   int
	requests int
	only     map[string]bool // nil = all
	quick    bool
	markdown bool
	binary   string
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == peerMode {
		return runPeer(args[1:])
	}
	o, err := parseFlags(args)
	if err != nil {
		return err
	}
	if err := canMeasure(); err != nil {
		return err
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	results, err := b.runAll(ctx)
	if err != nil {
		return err
	}
	r := report{results: results, rounds: o.rounds, quick: o.quick, machine: describeMachine(ctx)}
	if o.markdown {
		return r.markdown(os.Stdout)
	}
	return r.text(os.Stdout)
}

func parseFlags(args []string) (options, error) {
	o := options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&o.rounds, "rounds", 5, "how often each peer gets its `turn` in each scenario")
	fs.IntVar(&o.requests, "requests", 20000, "small GETs in each turn; the other scenarios derive their counts from it")
	only := fs.String("only", "", "comma-separated `names` of the scenarios to run: "+strings.Join(scenarioNames(), " "))
	fs.BoolVar(&o.quick, "quick", false, "small counts, for CI: under a minute; the ratios are rough")
	fs.BoolVar(&o.markdown, "markdown", false, "print the tables of docs/performance.md")
	fs.StringVar(&o.binary, "binary", "", "measure this `file` instead of building ./cmd/docusign-auth-proxy")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if o.quick {
		o.rounds, o.requests = min(o.rounds, 2), min(o.requests, 1500)
	}
	if o.rounds < 1 || o.rounds > 100 || o.requests < 100 || o.requests > 1_000_000 {
		return o, fmt.Errorf("-rounds must be between 1 and 100, -requests between 100 and 1000000")
	}
	if *only == "" {
		return o, nil
	}
	o.only = map[string]bool{}
	for name := range strings.SplitSeq(*only, ",") {
		if scenarioNamed(name) == nil {
			return o, fmt.Errorf("-only: no scenario %q; there are %s", name, strings.Join(scenarioNames(), " "))
		}
		o.only[name] = true
	}
	return o, nil
}
