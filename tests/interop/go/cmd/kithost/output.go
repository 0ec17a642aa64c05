package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"plugwire.test/interop/internal/kit"
)

// print has the plugin print, and checks that exactly this came out, on the
// streams it was meant for and after all that came before.
func (s *session) print(a kit.PrintArgs) error {
	wantOut, wantErr := s.stdout.String(), s.stderr.String()
	if a.Target != "stderr" {
		wantOut += lines("out", a)
	}
	if a.Target != "stdout" {
		wantErr += lines("err", a)
	}
	n, err := call[int](s.RPC, "Print", a)
	if err != nil {
		return err
	}
	if n != a.Lines {
		return fmt.Errorf("Print says %d lines, wanted %d", n, a.Lines)
	}
	// The bytes travel on other streams than the answer.
	eventually(15*time.Second, func() bool {
		return len(s.stdout.String()) >= len(wantOut) && len(s.stderr.String()) >= len(wantErr)
	})
	time.Sleep(50 * time.Millisecond) // for what should not come
	if err := sameText("stdout", s.stdout.String(), wantOut); err != nil {
		return err
	}
	return sameText("stderr", s.stderr.String(), wantErr)
}

func lines(prefix string, a kit.PrintArgs) string {
	var b strings.Builder
	for i := range a.Lines {
		s := fmt.Sprintf("%s %06d ", prefix, i)
		b.WriteString(s + strings.Repeat("x", max(0, a.Width-len(s))) + "\n")
	}
	return b.String()
}

func sameText(name, got, want string) error {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("%s differs at byte %d: %.40q, wanted %.40q", name, i, got[i:], want[i:])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%s: %d bytes, wanted %d", name, len(got), len(want))
	}
	return nil
}

func stdio(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	for _, a := range []kit.PrintArgs{
		{Lines: 1, Width: 20, Target: "stdout"},
		{Lines: 1, Width: 20, Target: "stderr"},
		{Lines: 2000, Width: 100, Target: "both"},
		{Lines: 1, Width: 200_000, Target: "both"},
	} {
		if err := s.print(a); err != nil {
			return "", fmt.Errorf("%+v: %w", a, err)
		}
	}
	if log := s.log.String(); strings.Contains(log, "err 0") || strings.Contains(log, "out 0") {
		return "", fmt.Errorf("printed lines were on the original stderr as well")
	}
	return fmt.Sprintf("%d and %d bytes", len(s.stdout.String()), len(s.stderr.String())), nil
}

func logLine(e *env) (string, error) {
	const msg = `said the plugin: "hello"`
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	if _, err := call[int](s.RPC, "Log", msg); err != nil {
		return "", err
	}
	var found string
	eventually(10*time.Second, func() bool {
		for _, line := range strings.Split(s.log.String(), "\n") {
			if strings.Contains(line, "said the plugin") && strings.HasSuffix(line, "}") {
				found = line
			}
		}
		return found != ""
	})
	var record map[string]any
	if err := json.Unmarshal([]byte(found), &record); err != nil {
		return "", fmt.Errorf("log line %q: %w", found, err)
	}
	stamp, _ := record["@timestamp"].(string)
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z07:00", stamp); err != nil {
		return "", err
	}
	delete(record, "@timestamp")
	want := map[string]any{"@level": "info", "@message": msg, "@module": "kit", "answer": 42.0}
	if got := fmt.Sprint(record); got != fmt.Sprint(want) {
		return "", fmt.Errorf("log record %s, wanted %s", got, fmt.Sprint(want))
	}
	return found, nil
}
