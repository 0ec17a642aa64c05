// Command contexthost hosts a worker of internal/context, in Go or in Rust, and
// checks what becomes of its calls.
//
//	contexthost -plugin PATH -case NAME
//
// It prints one JSON line. The exit status is 0 when the case passed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	worker "plugwire.test/interop/internal/context"
	"plugwire.test/plugwire"
)

type outcome struct {
	Case  string `json:"case"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// patience is far more than any of these needs.
const patience = 30 * time.Second

var cases = map[string]func(*worker.Client) error{
	"context_of_a_go_host":           deadlines,
	"cancel_by_a_go_host":            cancels,
	"cancel_through_a_rust_plugin":   cancelsBehind,
	"deadline_through_a_rust_plugin": deadlinesBehind,
	"thousand_cancels_by_a_go_host":  thousandCancels,
	"cancel_of_a_nested_watcher":     cancelsNested,
	"deadline_of_a_nested_watcher":   deadlinesNested,
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
	check, ok := cases[name]
	if !ok {
		return fmt.Errorf("no case %q", name)
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: worker.Handshake,
		Plugins:         plugin.PluginSet{worker.Name: worker.Plugin{}},
		Cmd:             exec.Command(path),
		Logger:          hclog.NewNullLogger(),
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return err
	}
	dispensed, err := protocol.Dispense(worker.Name)
	if err != nil {
		return err
	}
	return check(dispensed.(*worker.Client))
}

func expect(events chan string, want string) error {
	select {
	case got := <-events:
		if got != want {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("no %q", want)
	}
}

func deadlines(w *worker.Client) error {
	var seen worker.Seen
	none := context.Background()
	if err := w.Call(none, "Plugin.Context", worker.Named{Name: "x"}, &seen); err != nil {
		return err
	}
	if want := (worker.Seen{Left: -1}); seen != want {
		return fmt.Errorf("without a deadline: %+v", seen)
	}
	ctx, cancel := context.WithTimeout(plugwire.WithTraceparent(none, trace), time.Hour)
	defer cancel()
	if err := w.Call(ctx, "Plugin.Context", worker.Named{Name: "x"}, &seen); err != nil {
		return err
	}
	return isHour(seen)
}

func isHour(seen worker.Seen) error {
	hour := time.Hour.Milliseconds()
	if seen.Left > hour || seen.Left < hour-2*patience.Milliseconds() || seen.Trace != trace {
		return fmt.Errorf("with a deadline: %+v", seen)
	}
	return nil
}

// hang begins a call, and ends it as end says.
func hang(w *worker.Client, method, name string, events chan string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	args := worker.Watched{Name: name, Watcher: w.Lend(events)}
	go func() { done <- w.Call(ctx, method, args, new(any)) }()
	if err := expect(events, "begun "+name); err != nil {
		return err
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the call returned %v", err)
	}
	return expect(events, "cancelled "+name)
}

func cancels(w *worker.Client) error {
	events := make(chan string, 2)
	if err := hang(w, "Plugin.Hang", "one", events); err != nil {
		return err
	}
	// By its deadline.
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	args := worker.Watched{Name: "two", Watcher: w.Lend(events)}
	err := w.Call(ctx, "Plugin.Hang", args, new(any))
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the call returned %v", err)
	}
	// It may have ended before it began.
	var seen worker.Seen
	return w.Call(context.Background(), "Plugin.Context", worker.Named{Name: "x"}, &seen)
}

// cancelsBehind has the plugin call back, and ends the callback with the call.
func cancelsBehind(w *worker.Client) error {
	return hang(w, "Plugin.HangBehind", "three", make(chan string, 2))
}

// cancelsNested does the same by a watcher that is a part of a value in Rust.
func cancelsNested(w *worker.Client) error {
	return hang(w, "Plugin.HangNested", "four", make(chan string, 2))
}

func deadlinesBehind(w *worker.Client) error {
	return deadlinesOf(w, "Plugin.ContextBehind")
}

func deadlinesNested(w *worker.Client) error {
	return deadlinesOf(w, "Plugin.ContextNested")
}

func deadlinesOf(w *worker.Client, method string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	var seen worker.Seen
	args := worker.Watched{Name: "x", Watcher: w.Lend(make(chan string, 2))}
	ctx = plugwire.WithTraceparent(ctx, trace)
	if err := w.Call(ctx, method, args, &seen); err != nil {
		return err
	}
	return isHour(seen)
}

func thousandCancels(w *worker.Client) error {
	events := make(chan string, 2)
	for i := range 1000 {
		if err := hang(w, "Plugin.Hang", fmt.Sprint(i), events); err != nil {
			return err
		}
	}
	return nil
}
