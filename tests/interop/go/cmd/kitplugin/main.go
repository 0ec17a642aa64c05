// Command kitplugin is a plugin on the real go-plugin, written to be driven by
// hosts in Go and in Rust. What it serves is a contract; see internal/kit.
//
// The environment changes how it behaves:
//
//	KIT_VERSION=N          serve protocol version N instead of 1
//	KIT_VERSIONS=N,M,...   serve several versions; each also offers the greeter
//	                       "version", which greets with its number
//	KIT_COOKIE=key=value   expect another magic cookie
//	KIT_TEST=1             test mode: print the reattach configuration, serve until
//	                       stdin ends
//	KIT_TLS=DIR            speak TLS with the certificates in this directory
//	KIT_IGNORE_QUIT=1      stay alive after the host has asked it to quit
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
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
	config := &plugin.ServeConfig{HandshakeConfig: handshake}
	if v, ok := os.LookupEnv("KIT_VERSIONS"); ok {
		if config.VersionedPlugins, err = versionedPlugins(v); err != nil {
			fmt.Fprintln(os.Stderr, "kitplugin:", err)
			os.Exit(2)
		}
	} else {
		config.Plugins = plugins()
	}
	if dir, ok := os.LookupEnv("KIT_TLS"); ok {
		config.TLSProvider = func() (*tls.Config, error) { return kit.PluginTLS(dir) }
	}
	if os.Getenv("KIT_TEST") == "1" {
		serveTest(config)
		return
	}
	plugin.Serve(config)
	for os.Getenv("KIT_IGNORE_QUIT") == "1" {
		// Not select{}: the runtime might call that a deadlock and exit.
		time.Sleep(time.Hour)
	}
}

// serveTest prints what Terraform's providers print for TF_REATTACH_PROVIDERS.
func serveTest(config *plugin.ServeConfig) {
	ctx, cancel := context.WithCancel(context.Background())
	reattach := make(chan *plugin.ReattachConfig, 1)
	closed := make(chan struct{})
	config.Test = &plugin.ServeTestConfig{Context: ctx, ReattachConfigCh: reattach, CloseCh: closed}
	go plugin.Serve(config)
	r := <-reattach
	json.NewEncoder(os.Stdout).Encode(kit.Reattach{
		Protocol:        string(r.Protocol),
		ProtocolVersion: r.ProtocolVersion,
		Pid:             r.Pid,
		Test:            r.Test,
		Addr:            kit.Addr{Network: r.Addr.Network(), String: r.Addr.String()},
	})
	io.Copy(io.Discard, os.Stdin)
	cancel()
	<-closed
}

func plugins() plugin.PluginSet {
	return plugin.PluginSet{
		kit.Name:     &kit.Plugin{New: newService},
		greeter.Name: greeter.Plugin{},
	}
}

func versionedPlugins(list string) (map[int]plugin.PluginSet, error) {
	versions := map[int]plugin.PluginSet{}
	for _, v := range strings.Split(list, ",") {
		n, err := strconv.Atoi(v)
		if err != nil {
			return nil, fmt.Errorf("KIT_VERSIONS: %w", err)
		}
		versions[n] = plugins()
		versions[n]["version"] = versionPlugin(n)
	}
	return versions, nil
}

// versionPlugin greets with the number of the version it belongs to.
type versionPlugin int

func (v versionPlugin) Server(*plugin.MuxBroker) (interface{}, error) { return v, nil }

func (versionPlugin) Client(*plugin.MuxBroker, *rpc.Client) (interface{}, error) {
	return nil, errors.New("a host's business")
}

func (v versionPlugin) Greet(_ interface{}, resp *string) error {
	*resp = fmt.Sprintf("version %d", int(v))
	return nil
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
