package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
)

// gone checks that neither process nor socket is left.
func gone(r *plugin.ReattachConfig) error {
	// The process handle of an ended child answers signal 0 with this, in the
	// place of the system's ESRCH.
	p, err := os.FindProcess(r.Pid)
	if err == nil {
		err = p.Signal(syscall.Signal(0))
	}
	if !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("process %d is still there: %v", r.Pid, err)
	}
	if _, err := os.Lstat(r.Addr.String()); r.Addr.Network() == "unix" && !os.IsNotExist(err) {
		return fmt.Errorf("socket %s is still there: %v", r.Addr, err)
	}
	return nil
}

// timedKill kills the plugin and checks how long that took.
func (s *session) timedKill(least, most time.Duration) (time.Duration, error) {
	start := time.Now()
	if err := s.end(20 * time.Second); err != nil {
		return 0, err
	}
	took := time.Since(start).Round(time.Millisecond)
	if took < least || took > most {
		return took, fmt.Errorf("Kill took %s, wanted %s to %s", took, least, most)
	}
	if !s.client.Exited() {
		return took, fmt.Errorf("the client does not know that its plugin exited")
	}
	return took, nil
}

func kill(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	if _, err := s.greetOK(); err != nil {
		return "", err
	}
	r := s.client.ReattachConfig()
	took, err := s.timedKill(0, 2*time.Second)
	if err != nil {
		return "", err
	}
	if err := gone(r); err != nil {
		return "", err
	}
	// A plugin killed by force has ended by a signal, not by an exit with 0.
	if state := s.cmd.ProcessState; !state.Success() {
		return "", fmt.Errorf("not graceful: %s", state)
	}
	s.client.Kill() // a second one does nothing

	// Told but not demanded: go-plugin's own plugins end so fast after Quit that
	// its answer is sometimes lost, and then their host has a Kill sent after them.
	quit := "answered"
	if strings.Contains(s.warnings.String(), "plugin failed to exit gracefully") {
		quit = "unanswered"
	}
	return fmt.Sprintf("took %s, %s, Quit %s", took, s.cmd.ProcessState, quit), nil
}

func killIgnoringQuit(e *env) (string, error) {
	s, err := e.open(func(c *plugin.ClientConfig) { c.Cmd.Env = append(c.Cmd.Env, "KIT_IGNORE_QUIT=1") })
	if err != nil {
		return "", err
	}
	r := s.client.ReattachConfig()
	took, err := s.timedKill(2*time.Second, 6*time.Second)
	if err != nil {
		return "", err
	}
	if err := gone(r); err != nil {
		return "", err
	}
	if state := s.cmd.ProcessState; state.Exited() {
		return "", fmt.Errorf("the plugin ended by itself: %s", state)
	}
	return fmt.Sprintf("took %s, %s", took, s.cmd.ProcessState), nil
}

// killBlocked has more calls block their threads than a Rust plugin has.
func killBlocked(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	for range 64 {
		go func() { _, _ = call[uint64](s.RPC, "BlockThread", uint64(600_000)) }()
	}
	time.Sleep(200 * time.Millisecond)
	var slowest time.Duration
	for range 5 {
		start := time.Now()
		if err := s.proto.Ping(); err != nil {
			return "", err
		}
		slowest = max(slowest, time.Since(start))
	}
	r := s.client.ReattachConfig()
	took, err := s.timedKill(0, 2*time.Second)
	if err != nil {
		return "", err
	}
	if err := gone(r); err != nil {
		return "", err
	}
	if state := s.cmd.ProcessState; !state.Success() {
		return "", fmt.Errorf("not graceful: %s", state)
	}
	return fmt.Sprintf("took %s, the slowest ping %s", took, slowest), nil
}

func versionMismatch(e *env) (string, error) {
	s := e.launch(func(c *plugin.ClientConfig) {
		c.HandshakeConfig.ProtocolVersion = 2
		c.Plugins, c.VersionedPlugins = nil, map[int]plugin.PluginSet{2: plugins()}
	})
	const want = "incompatible API version with plugin. Plugin version: 1, Client versions: [2]"
	_, err := s.client.Start()
	if err == nil || !strings.Contains(err.Error(), want) {
		return "", fmt.Errorf("error %v, wanted %q", err, want)
	}
	return err.Error(), s.end(10 * time.Second)
}

func wrongCookie(e *env) (string, error) {
	s := e.launch(func(c *plugin.ClientConfig) { c.HandshakeConfig.MagicCookieValue = "wrong" })
	_, started := s.client.Start()
	if started == nil {
		return "", fmt.Errorf("started in spite of the wrong cookie")
	}
	// Kill waits for the process, and so for all of its stderr.
	if err := s.end(10 * time.Second); err != nil {
		return "", err
	}
	const want = "This binary is a plugin. These are not meant to be executed directly."
	if log := s.log.String(); !strings.Contains(log, want) {
		return "", fmt.Errorf("stderr was %q, wanted %q", log, want)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 1 {
		return "", fmt.Errorf("exit status %d", code)
	}
	return started.Error(), nil
}

// dying leaves calls pending, ends the plugin by one more call and checks that
// all of them fail soon.
func dying(e *env, method string, arg any) (*session, string, error) {
	const pending, limit = 8, 5 * time.Second
	s, err := e.open(nil)
	if err != nil {
		return nil, "", err
	}
	failed := make(chan error, pending+1)
	await := func(method string, arg any) {
		_, err := call[string](s.RPC, method, arg)
		failed <- err
	}
	for range pending {
		go await("Block", new(interface{}))
	}
	// An answer shows that the calls before it have been read.
	time.Sleep(100 * time.Millisecond)
	if _, err := s.greetOK(); err != nil {
		return nil, "", err
	}
	start := time.Now()
	go func() {
		var r any = new(string)
		if method == "Exit" {
			r = new(int)
		}
		failed <- s.RPC.Call("Plugin."+method, arg, r)
	}()
	texts := map[string]int{}
	for range pending + 1 {
		select {
		case err := <-failed:
			if err == nil {
				return nil, "", fmt.Errorf("a call on a dead plugin succeeded")
			}
			texts[err.Error()]++
		case <-time.After(limit):
			return nil, "", fmt.Errorf("calls still pending %s after the plugin's end: %v", limit, texts)
		}
	}
	took := time.Since(start).Round(time.Millisecond)
	if _, err := s.greetOK(); err == nil {
		return nil, "", fmt.Errorf("a new call on a dead plugin succeeded")
	} else {
		texts["then "+err.Error()]++
	}
	if err := s.end(10 * time.Second); err != nil {
		return nil, "", err
	}
	return s, fmt.Sprintf("after %s: %v", took, texts), nil
}

func pluginExit(e *env) (string, error) {
	s, detail, err := dying(e, "Exit", 3)
	if err == nil && s.cmd.ProcessState.ExitCode() != 3 {
		err = fmt.Errorf("%s, wanted exit status 3", s.cmd.ProcessState)
	}
	return detail, err
}

func pluginPanic(e *env) (string, error) {
	s, detail, err := dying(e, "Crash", new(interface{}))
	if err != nil {
		return "", err
	}
	if log := s.log.String(); !strings.Contains(log, "kit crashed") {
		return "", fmt.Errorf("stderr was %q", log)
	}
	if s.cmd.ProcessState.Success() {
		return "", fmt.Errorf("exit status 0 after a panic")
	}
	return fmt.Sprintf("%s; %s", detail, s.cmd.ProcessState), nil
}
