package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/kit"
)

// attach has a further client take over a plugin.
func (e *env) attach(r *plugin.ReattachConfig) (*session, error) {
	return e.open(func(c *plugin.ClientConfig) { c.Cmd, c.Reattach = nil, r })
}

func reattach(e *env) (string, error) {
	first, err := e.open(nil)
	if err != nil {
		return "", err
	}
	r := first.client.ReattachConfig()
	second, err := e.attach(r)
	if err != nil {
		return "", err
	}
	if _, err := second.greetOK(); err != nil {
		return "", err
	}
	if _, err := first.greetOK(); err != nil {
		return "", fmt.Errorf("the first client, meanwhile: %w", err)
	}
	// It is the second that ends the plugin, and its first host that reaps it.
	second.client.Kill()
	if err := first.end(10 * time.Second); err != nil {
		return "", err
	}
	return "", gone(r)
}

func reattachJSON(e *env) (string, error) {
	var r kit.Reattach
	if err := json.Unmarshal([]byte(e.reattach), &r); err != nil {
		return "", fmt.Errorf("-reattach: %w", err)
	}
	config, err := r.Config()
	if err != nil {
		return "", err
	}
	s, err := e.attach(config)
	if err != nil {
		return "", err
	}
	if got := s.client.NegotiatedVersion(); got != r.ProtocolVersion {
		return "", fmt.Errorf("negotiated %d, wanted %d", got, r.ProtocolVersion)
	}
	if _, err := s.greetOK(); err != nil {
		return "", err
	}
	s.client.Kill()
	return "", nil
}

// abandon prints how to reach its plugin and never ends.
func abandon(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	r := s.client.ReattachConfig()
	err = json.NewEncoder(os.Stdout).Encode(kit.Reattach{
		Protocol: string(r.Protocol),
		Pid:      r.Pid,
		Addr:     kit.Addr{Network: r.Addr.Network(), String: r.Addr.String()},
	})
	if err != nil {
		return "", err
	}
	select {}
}
