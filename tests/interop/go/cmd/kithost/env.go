package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/greeter"
	"plugwire.test/interop/internal/kit"
)

// env is what a case runs in. It remembers the plugins a case has started, so
// that none is left when the case fails or hangs.
type env struct {
	plugin   string
	hold     time.Duration
	reattach string
	autoMTLS bool
	tls      *tls.Config
	verbose  bool

	mu       sync.Mutex
	launched []*session
}

// run gives up on a case at its limit. net/rpc calls cannot be cancelled, so
// the case's goroutines are left to fail when their plugin is gone.
func (e *env) run(c testCase) (string, error) {
	limit := c.limit
	if limit == 0 {
		limit = time.Minute
	}
	if c.name == "longlived" {
		limit += e.hold
	}
	type result struct {
		detail string
		err    error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- result{err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
			}
		}()
		detail, err := c.run(e)
		done <- result{detail, err}
	}()
	defer e.cleanup()
	select {
	case r := <-done:
		return r.detail, r.err
	case <-time.After(limit):
		return "", fmt.Errorf("not done after %s", limit)
	}
}

func (e *env) cleanup() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.launched {
		s.end(10 * time.Second)
	}
}

// session is one plugin process and what came out of it.
type session struct {
	*kit.Remote
	client *plugin.Client
	proto  plugin.ClientProtocol
	cmd    *exec.Cmd
	pid    int

	stdout, stderr, log *buffer // log is the process's original stderr
	warnings            *buffer // go-plugin's own, in the host
}

// launch prepares a plugin without starting it.
func (e *env) launch(change func(*plugin.ClientConfig)) *session {
	s := &session{stdout: &buffer{}, stderr: &buffer{}, log: &buffer{}, warnings: &buffer{}}
	logging := &hclog.LoggerOptions{Name: "host", Output: s.warnings, Level: hclog.Warn}
	if e.verbose {
		logging.Output, logging.Level = io.MultiWriter(s.warnings, os.Stderr), hclog.Trace
	}
	config := &plugin.ClientConfig{
		HandshakeConfig: kit.Handshake,
		Plugins:         plugins(),
		Cmd:             exec.Command(e.plugin),
		SyncStdout:      s.stdout,
		SyncStderr:      s.stderr,
		Stderr:          s.log,
		Logger:          hclog.New(logging),
		StartTimeout:    20 * time.Second,
		AutoMTLS:        e.autoMTLS,
		TLSConfig:       e.tls,
	}
	if change != nil {
		change(config)
	}
	s.cmd = config.Cmd
	s.client = plugin.NewClient(config)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.launched = append(e.launched, s)
	return s
}

func plugins() plugin.PluginSet {
	return plugin.PluginSet{
		kit.Name:     &kit.Plugin{},
		greeter.Name: greeter.Plugin{},
		absent:       &kit.Plugin{},
	}
}

// open starts a plugin and dispenses the kit.
func (e *env) open(change func(*plugin.ClientConfig)) (*session, error) {
	s := e.launch(change)
	proto, err := s.client.Client()
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	s.proto = proto
	s.pid = s.client.ReattachConfig().Pid
	raw, err := proto.Dispense(kit.Name)
	if err != nil {
		return nil, fmt.Errorf("dispense: %w", err)
	}
	s.Remote = raw.(*kit.Remote)
	return s, nil
}

// end kills the plugin, by go-plugin's means or, when those hang, by the system's.
func (s *session) end(patience time.Duration) error {
	done := make(chan struct{})
	go func() { s.client.Kill(); close(done) }()
	select {
	case <-done:
		return nil
	case <-time.After(patience):
		if s.pid != 0 && s.cmd != nil {
			s.cmd.Process.Kill()
		}
		return fmt.Errorf("Kill did not return within %s", patience)
	}
}

// buffer collects output that arrives from another goroutine.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// call is one net/rpc call with a typed answer.
func call[R any](c *rpc.Client, method string, arg any) (R, error) {
	var r R
	if err := c.Call("Plugin."+method, arg, &r); err != nil {
		return r, fmt.Errorf("%s: %w", method, err)
	}
	return r, nil
}

// wantError checks that the plugin itself answered with exactly this error.
func wantError(err error, text string) error {
	var remote rpc.ServerError
	switch {
	case err == nil:
		return fmt.Errorf("no error, wanted %q", text)
	case !errors.As(err, &remote):
		return fmt.Errorf("%q did not come from the plugin, wanted %q", err, text)
	case string(remote) != text:
		return fmt.Errorf("error %q, wanted %q", string(remote), text)
	}
	return nil
}

// eventually waits for something that nothing announces.
func eventually(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}

// each runs f for 0 to n-1 at once and returns the first error by number.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() { defer wg.Done(); errs[i] = f(i) }()
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
