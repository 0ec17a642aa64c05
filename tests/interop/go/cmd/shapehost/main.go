// Command shapehost hosts a plugin with the interfaces of internal/shapes, in Go
// or in Rust, and checks what it answers.
//
//	shapehost -plugin PATH -case NAME
//
// It prints one JSON line. The exit status is 0 when the case passed.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/go-plugin"
)

type outcome struct {
	Case  string `json:"case"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

var cases = map[string]func(plugin.ClientProtocol) error{
	"shape_greeter":            greeter,
	"shape_kv":                 kv,
	"shape_counter":            counter,
	"shape_streams":            streams,
	"shape_pulled_writer":      pulledWriter,
	"shape_broken_reader":      brokenReader,
	"shape_returned_interface": returned,
	"shape_kept_interface":     kept,
	"shape_other_service":      otherService,
	"shape_letters_and_empty":  lettersAndEmpty,
	"shape_nested_ids":         nestedIDs,
	"shape_nested_parameters":  nestedInParameters,
	"shape_raw_stream":         rawStream,
	"shape_never_lent":         neverLent,
	"shape_optional":           optional,
	"shape_unmodelled":         unmodelled,
	"shape_errors":             errorTexts,
	"shape_items_received":     itemsReceived,
	"shape_items_sent":         itemsSent,
	"shape_items_both_ways":    itemsBothWays,
	"shape_items_fail":         itemsFail,
	"shape_items_stopped":      itemsStopped,
	"golden":                   golden,
}

// manyPlugins are cases that launch their plugins themselves.
var manyPlugins = map[string]func(path string) error{
	"rounds_of_streams": roundsOfStreams,
	"rounds_of_ends":    roundsOfEnds,
}

func main() {
	path := flag.String("plugin", "", "the plugin's `path`")
	name := flag.String("case", "", "the case to run")
	flag.Parse()
	o := outcome{Case: *name, OK: true}
	if err := run(*path, *name); err != nil {
		o.OK, o.Error = false, err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(o)
	if !o.OK {
		os.Exit(1)
	}
}

func run(path, name string) error {
	if c, ok := manyPlugins[name]; ok {
		return c(path)
	}
	c, ok := cases[name]
	if !ok {
		return fmt.Errorf("unknown case %q", name)
	}
	client := launch(path).client
	defer client.Kill()
	session, err := client.Client()
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- c(session) }()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		return fmt.Errorf("not done after a minute")
	}
}
