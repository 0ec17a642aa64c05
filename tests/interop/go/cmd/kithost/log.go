package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// logRecord looks at what go-plugin makes of the plugin's log: records in the
// host's own logger, with the plugin's levels, modules and pairs.
func logRecord(e *env) (string, error) {
	const plain, pairs = `said the plugin: "hello" <&>`, "slow"
	log := &buffer{}
	s, err := e.open(func(c *plugin.ClientConfig) {
		c.Logger = hclog.New(&hclog.LoggerOptions{
			Name: "host", Output: log, Level: hclog.Trace, JSONFormat: true,
		})
	})
	if err != nil {
		return "", err
	}
	if _, err := call[int](s.RPC, "Log", plain); err != nil {
		return "", err
	}
	if _, err := call[int](s.RPC, "LogPairs", pairs); err != nil {
		return "", err
	}
	// The pairs come back through JSON, where every number is a float.
	for msg, want := range map[string]map[string]any{
		plain: {"@level": "info", "answer": 42.0},
		pairs: {
			"@level": "warn", "request": 7.0, "user": "Ada", "ratio": 0.5, "ok": true,
			"error": "disk full",
		},
	} {
		got, err := recordOf(log, msg)
		if err != nil {
			return "", err
		}
		// A plugin in Rust names its spans, too. Go has none.
		if spans, ok := got["spans"]; ok {
			if msg != pairs || !reflect.DeepEqual(spans, []any{"serve", "handle"}) {
				return "", fmt.Errorf("%s: spans %v", msg, spans)
			}
			delete(got, "spans")
		}
		want["@message"], want["@module"] = msg, "kit"
		if !reflect.DeepEqual(got, want) {
			return "", fmt.Errorf("record %v, wanted %v", got, want)
		}
	}
	return "two records", nil
}

// logAfterPanic looks at the level of a line without one, after a method has
// panicked and the plugin lives on.
func logAfterPanic(e *env) (string, error) {
	log := &buffer{}
	s, err := e.open(func(c *plugin.ClientConfig) {
		c.Logger = hclog.New(&hclog.LoggerOptions{
			Name: "host", Output: log, Level: hclog.Trace, JSONFormat: true,
		})
	})
	if err != nil {
		return "", err
	}
	if err := s.RPC.Call("Plugin.Panic", "out of cheese", new(interface{})); err == nil {
		return "", fmt.Errorf("a method that panics answered")
	}
	if _, err := call[int](s.RPC, "LogPlain", "a plain line"); err != nil {
		return "", err
	}
	panicked, err := recordOf(log, "panic: out of cheese")
	if err != nil {
		return "", err
	}
	eventually(10*time.Second, func() bool { return strings.Contains(log.String(), "a plain line") })
	levels := map[string]int{}
	for _, line := range strings.Split(log.String(), "\n") {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) != nil {
			continue
		}
		level, _ := record["@level"].(string)
		levels[level]++
		if record["@message"] == "a plain line" && level != "debug" {
			return "", fmt.Errorf("the line is logged as %q", level)
		}
	}
	if panicked["@level"] != "error" || levels["error"] != 1 {
		return "", fmt.Errorf("levels %v, record %v", levels, panicked)
	}
	_, err = s.greetOK()
	return "one error", err
}

// recordOf waits for the record with a message. The times in it, which are the
// host's and the plugin's, are checked and taken out.
func recordOf(log *buffer, msg string) (map[string]any, error) {
	var found map[string]any
	eventually(10*time.Second, func() bool {
		for _, line := range strings.Split(log.String(), "\n") {
			var record map[string]any
			if json.Unmarshal([]byte(line), &record) == nil && record["@message"] == msg {
				found = record
			}
		}
		return found != nil
	})
	if found == nil {
		return nil, fmt.Errorf("no record %q in %s", msg, log.String())
	}
	for key, layout := range map[string]string{
		"@timestamp": hclog.TimeFormatJSON, "timestamp": hclog.TimeFormat,
	} {
		text, _ := found[key].(string)
		at, err := time.Parse(layout, text)
		if err != nil {
			return nil, err
		}
		if age := time.Since(at); age < 0 || age > time.Minute {
			return nil, fmt.Errorf("%s %s is %s ago", key, text, age)
		}
		delete(found, key)
	}
	return found, nil
}
