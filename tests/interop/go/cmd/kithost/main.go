// Command kithost is a host on the real go-plugin that runs cases against any
// kit plugin, in Go or in Rust, and checks the answers itself.
//
//	kithost -plugin PATH [-case NAME[,NAME...]|all] [-seconds N] [-reattach JSON]
//		[-automtls | -tls DIR] [-tls-max 1.2] [-v]
//	kithost -list
//
// It prints one JSON line for each case. The exit status is 0 when all passed,
// 1 when one failed and 2 when it was called wrongly.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"plugwire.test/interop/internal/kit"
)

// outcome is the JSON line of a case.
type outcome struct {
	Case   string `json:"case"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() { os.Exit(run()) }

func run() int {
	path := flag.String("plugin", "", "the plugin's `path`")
	names := flag.String("case", "all", "cases to run, separated by commas")
	seconds := flag.Int("seconds", 80, "how long longlived keeps its streams open")
	reattach := flag.String("reattach", "", "for reattach_json: how to reach the plugin, as `JSON`")
	autoMTLS := flag.Bool("automtls", false, "launch plugins with AutoMTLS")
	tlsDir := flag.String("tls", "", "configure TLS, the plugin's too, with the certificates in `dir`")
	tlsMax := flag.String("tls-max", "1.3", "with -tls: the highest `version` of TLS")
	verbose := flag.Bool("v", false, "show go-plugin's log on stderr")
	list := flag.Bool("list", false, "list the cases and what they show")
	flag.Parse()

	if *list {
		for _, c := range cases {
			fmt.Printf("%-22s %s\n", c.name, c.shows)
		}
		return 0
	}
	chosen, err := choose(*names)
	if err == nil && (*path == "" || flag.NArg() > 0) {
		err = fmt.Errorf("wanted -plugin PATH and no other arguments")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kithost:", err)
		return 2
	}

	var config *tls.Config
	if *tlsDir != "" {
		if config, err = hostTLS(*tlsDir, *tlsMax); err != nil {
			fmt.Fprintln(os.Stderr, "kithost: -tls:", err)
			return 2
		}
	}

	// Crashed and killed plugins leave their sockets behind. They go with this.
	tmp, err := os.MkdirTemp("", "kit")
	if err != nil {
		fmt.Fprintln(os.Stderr, "kithost:", err)
		return 1
	}
	defer os.RemoveAll(tmp)
	os.Setenv("TMPDIR", tmp)

	status := 0
	for _, c := range chosen {
		e := &env{plugin: *path, hold: time.Duration(*seconds) * time.Second, reattach: *reattach,
			autoMTLS: *autoMTLS, tls: config, verbose: *verbose}
		o := outcome{Case: c.name}
		if o.Detail, err = e.run(c); err != nil {
			o.Detail, o.Error = "", err.Error()
			status = 1
		}
		o.OK = err == nil
		out := json.NewEncoder(os.Stdout)
		out.SetEscapeHTML(false)
		out.Encode(o)
	}
	return status
}

// hostTLS is the configuration of this host, and tells kit plugins of theirs.
func hostTLS(dir, highest string) (*tls.Config, error) {
	config, err := kit.HostTLS(dir)
	if err != nil {
		return nil, err
	}
	switch highest {
	case "1.2":
		config.MaxVersion = tls.VersionTLS12
	case "1.3":
	default:
		return nil, fmt.Errorf("no version %q", highest)
	}
	os.Setenv("KIT_TLS", dir)
	return config, nil
}

func choose(names string) ([]testCase, error) {
	if names == "all" {
		return cases, nil
	}
	var chosen []testCase
next:
	for _, name := range strings.Split(names, ",") {
		for _, c := range slices.Concat(cases, apart) {
			if c.name == name {
				chosen = append(chosen, c)
				continue next
			}
		}
		return nil, fmt.Errorf("unknown case %q", name)
	}
	return chosen, nil
}
