// Command kitplugin is a plugin on the real go-plugin, written to be driven by
// hosts in Go and in Rust. What it serves is a contract; see internal/kit.
//
// The environment changes how it behaves:
//
//	KIT_VERSION=N          serve protocol version N instead of 1
//	KIT_COOKIE=key=value   expect another magic cookie
//	KIT_IGNORE_QUIT=1      stay alive after the host has asked it to quit
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/greeter"
	"plugwire.test/interop/internal/kit"
)

// stderr is the process's own: plugin.Serve puts a pipe to the host in the place
// of os.Stderr, while log lines belong on the original.
var stderr = os.Stderr

func main() {
	handshake, err := handshakeFromEnv()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kitplugin:", err)
		os.Exit(2)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins: plugin.PluginSet{
			kit.Name:     &kit.Plugin{New: newService},
			greeter.Name: greeter.Plugin{},
		},
	})
	for os.Getenv("KIT_IGNORE_QUIT") == "1" {
		// Not select{}: the runtime might call that a deadlock and exit.
		time.Sleep(time.Hour)
	}
}

func handshakeFromEnv() (plugin.HandshakeConfig, error) {
	h := kit.Handshake
	if v, ok := os.LookupEnv("KIT_VERSION"); ok {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return h, fmt.Errorf("KIT_VERSION: %w", err)
		}
		h.ProtocolVersion = uint(n)
	}
	if v, ok := os.LookupEnv("KIT_COOKIE"); ok {
		key, value, found := strings.Cut(v, "=")
		if !found {
			return h, fmt.Errorf("KIT_COOKIE: no '=' in %q", v)
		}
		h.MagicCookieKey, h.MagicCookieValue = key, value
	}
	return h, nil
}
