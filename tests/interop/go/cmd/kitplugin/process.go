package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/mattn/go-isatty"

	"plugwire.test/interop/internal/kit"
)

// Print writes numbered lines to the standard streams. They are looked up here,
// at the call, because plugin.Serve replaces them.
func (s *service) Print(a kit.PrintArgs, r *int) error {
	var out, err io.Writer = io.Discard, io.Discard
	switch a.Target {
	case "stdout":
		out = os.Stdout
	case "stderr":
		err = os.Stderr
	case "both":
		out, err = os.Stdout, os.Stderr
	default:
		return fmt.Errorf("Print: unknown target %q", a.Target)
	}
	for i := range a.Lines {
		if _, e := fmt.Fprint(out, line("out", i, a.Width)); e != nil {
			return e
		}
		if _, e := fmt.Fprint(err, line("err", i, a.Width)); e != nil {
			return e
		}
	}
	*r = a.Lines
	return nil
}

// line is width bytes and the newline.
func line(prefix string, i, width int) string {
	s := fmt.Sprintf("%s %06d ", prefix, i)
	return s + strings.Repeat("x", max(0, width-len(s))) + "\n"
}

// Crash ends the process by a panic outside of any call.
func (s *service) Crash(_ interface{}, _ *string) error {
	go panic("kit crashed")
	select {}
}

// Terminal tells whether the standard input is one.
func (s *service) Terminal(_ interface{}, r *bool) error {
	*r = isatty.IsTerminal(os.Stdin.Fd())
	return nil
}

// Exit ends the process without a word.
func (s *service) Exit(code int, _ *int) error {
	os.Exit(code)
	return nil
}

// Block never answers.
func (s *service) Block(_ interface{}, _ *string) error {
	select {}
}

// Log writes a line the way plugins log: hclog's JSON on the original stderr,
// which the host turns into a record of its own.
func (s *service) Log(msg string, _ *int) error {
	logger().Info(msg, "answer", 42)
	return nil
}

// LogPairs writes a line with a pair of each type, one of them the logger's own.
func (s *service) LogPairs(msg string, _ *int) error {
	logger().With("request", 7).Warn(msg,
		"user", "Ada", "ratio", 0.5, "ok", true, "error", errors.New("disk full"))
	return nil
}

func logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Output:     stderr,
		JSONFormat: true,
		Level:      hclog.Trace,
		Name:       "kit",
	})
}
