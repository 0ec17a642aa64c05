package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/shapes"
)

// rounds is how often to try what goes wrong by chance only: as often as there
// is time for with each change, or as PLUGWIRE_ROUNDS says.
func rounds(usual int) (int, error) {
	if text := os.Getenv("PLUGWIRE_ROUNDS"); text != "" {
		return strconv.Atoi(text)
	}
	return usual, nil
}

// within shows what everyone waits for when f takes longer than anything should.
func within(what string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
		return err
	case <-time.After(time.Minute):
		debug.SetTraceback("all")
		panic(what + ": not done after a minute")
	}
}

// together runs n of f at once, and returns what went wrong with any.
func together(n int, f func(int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[i] = f(i)
		}()
	}
	all.Wait()
	return errors.Join(errs...)
}

// roundsOfStreams has two goroutines make each call that opens and ends
// something beside its reply, over and over.
func roundsOfStreams(path string) error {
	n, err := rounds(200)
	if err != nil {
		return err
	}
	p := launch(path)
	defer p.client.Kill()
	c, err := p.counter()
	if err != nil {
		return err
	}
	return together(2, func(i int) error {
		key := []string{"one", "other"}[i]
		for round := 1; round <= n; round++ {
			what := fmt.Sprintf("%s, round %d", key, round)
			err := within(what, func() error { return roundOfStreams(c, key, int64(round)) })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func roundOfStreams(c *shapes.CounterClient, key string, round int64) error {
	size := 10 * round % 100_000
	text := strings.NewReader(strings.Repeat("x", int(size)))
	n, err := c.Import(key+".text", text)
	if err := wrong("Import", err, n, uint64(size)); err != nil {
		return err
	}
	if err := c.Put(key, 1, &adder{}); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := c.Export(&out); err != nil {
		return err
	}
	if line := fmt.Sprintf("%s %d\n", key, round); !strings.Contains(out.String(), line) {
		return fmt.Errorf("Export gave %q, without %q", out.String(), line)
	}
	r, err := c.Open(key)
	if err != nil {
		return err
	}
	digits, err := io.ReadAll(r)
	if err := wrong("Open", errors.Join(err, r.Close()), string(digits), fmt.Sprint(round)); err != nil {
		return err
	}
	watch, err := c.Watch(key)
	if err != nil {
		return err
	}
	next, err := watch.Next()
	if err := wrong("Next", errors.Join(err, watch.Close()), next, round); err != nil {
		return err
	}
	return nil
}

// running is a plugin, and what its host logs.
type running struct {
	client *plugin.Client
	cmd    *exec.Cmd
}

func launch(path string) running {
	cmd := exec.Command(path)
	return running{cmd: cmd, client: plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: shapes.Handshake,
		Plugins:         shapes.Plugins(),
		Cmd:             cmd,
		Logger:          hclog.NewNullLogger(),
	})}
}

func (p running) counter() (*shapes.CounterClient, error) {
	session, err := p.client.Client()
	if err != nil {
		return nil, err
	}
	return dispenseCounter(session)
}

// ending is a way for a plugin to end: by Quit, which it does of its own accord,
// whatever else it was asked to do, or by a signal.
type ending struct {
	name   string
	killed bool
	end    func(p running, c *shapes.CounterClient) error
}

var endings = []ending{
	{"nothing goes on", false, func(p running, c *shapes.CounterClient) error {
		if err := c.Put("a", 1, &adder{}); err != nil {
			return err
		}
		p.client.Kill()
		return nil
	}},
	{"callbacks go on", false, func(p running, c *shapes.CounterClient) error {
		return whileCalling(c, p.client.Kill)
	}},
	{"an endless reader is read", false, func(p running, c *shapes.CounterClient) error {
		return meanwhile(func() error { _, err := c.Import("all", zeros{}); return err }, p.client.Kill)
	}},
	{"a writer is given", false, func(p running, c *shapes.CounterClient) error {
		for range 20 {
			if err := c.Export(io.Discard); err != nil {
				return err
			}
		}
		exported := make(chan struct{})
		go func() { defer close(exported); c.Export(io.Discard) }()
		p.client.Kill()
		<-exported
		return nil
	}},
	{"it is dispensed from", false, func(p running, c *shapes.CounterClient) error {
		dispensed := make(chan struct{})
		go func() { defer close(dispensed); p.counter() }()
		p.client.Kill()
		<-dispensed
		return nil
	}},
	{"a second host ends it", false, func(p running, c *shapes.CounterClient) error {
		second := plugin.NewClient(&plugin.ClientConfig{
			HandshakeConfig: shapes.Handshake,
			Plugins:         shapes.Plugins(),
			Reattach:        p.client.ReattachConfig(),
			Logger:          hclog.NewNullLogger(),
		})
		other, err := running{client: second}.counter()
		if err != nil {
			return err
		}
		return errors.Join(whileCalling(other, second.Kill), exited(p))
	}},
	{"the session is closed", false, func(p running, c *shapes.CounterClient) error {
		session, err := p.client.Client()
		if err != nil {
			return err
		}
		return errors.Join(whileCalling(c, func() { session.Close() }), exited(p))
	}},
	{"it is killed", true, func(p running, c *shapes.CounterClient) error {
		return whileCalling(c, func() { p.cmd.Process.Signal(syscall.SIGKILL) })
	}},
}

// whileCalling ends the plugin while it calls its host back, until no call gets through any more.
func whileCalling(c *shapes.CounterClient, end func()) error {
	return meanwhile(func() error {
		for {
			if err := c.Put("a", 1, &adder{}); err != nil {
				return err
			}
		}
	}, end)
}

// meanwhile wants what goes on to fail for the plugin's end.
func meanwhile(goesOn func() error, end func()) error {
	failed := make(chan error, 1)
	go func() { failed <- goesOn() }()
	end()
	if err := <-failed; err == nil {
		return errors.New("a call succeeded that could not")
	}
	return nil
}

// exited waits for the plugin of a client that did not end it. The deadline is within's.
func exited(p running) error {
	for !p.client.Exited() {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// roundsOfEnds has three goroutines end plugins in every way, over and over.
// Nothing may hang, and no plugin may need a signal or leave anything behind.
func roundsOfEnds(path string) error {
	n, err := rounds(2 * len(endings))
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "ends")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	os.Setenv("TMPDIR", tmp)
	err = together(3, func(i int) error {
		for round := range n {
			e := endings[(i+round)%len(endings)]
			what := fmt.Sprintf("round %d, %s", round, e.name)
			if err := within(what, func() error { return roundOfEnds(path, tmp, e) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	left, err := os.ReadDir(tmp)
	return wrong("what is left", err, len(left), 0)
}

func roundOfEnds(path, tmp string, e ending) error {
	p := launch(path)
	defer p.client.Kill()
	c, err := p.counter()
	if err != nil {
		return err
	}
	socket := p.client.ReattachConfig().Addr.String()
	if err := e.end(p, c); err != nil {
		return err
	}
	p.client.Kill()
	if state := p.cmd.ProcessState; state.Success() == e.killed {
		return fmt.Errorf("the plugin's end: %s", state)
	}
	if e.killed {
		return removeSocket(tmp, socket)
	}
	return nil
}

// removeSocket stands in for a plugin that could not remove its socket, which
// may have a directory of its own. Another plugin that started meanwhile may
// have done so, as it does with what it finds abandoned.
func removeSocket(tmp, socket string) error {
	paths := []string{socket}
	if own := filepath.Dir(socket); own != tmp {
		paths = append(paths, own)
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
