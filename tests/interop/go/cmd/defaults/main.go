// Command defaults prints what go-plugin and yamux do where nobody says otherwise, as JSON: times in
// nanoseconds. What they keep in no variable is measured.
package main

import (
	"encoding/json"
	"net/rpc"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/yamux"
)

// never is a plugin that hands out its broker.
type never struct{ broker *plugin.MuxBroker }

func (n *never) Server(*plugin.MuxBroker) (interface{}, error) { return new(struct{}), nil }

func (n *never) Client(broker *plugin.MuxBroker, _ *rpc.Client) (interface{}, error) {
	n.broker = broker
	return n, nil
}

// accept says how long a broker waits for an id that nobody dials.
func accept() time.Duration {
	n := &never{}
	client, _ := plugin.TestPluginRPCConn(nil, plugin.PluginSet{"never": n}, nil)
	defer client.Close()
	if _, err := client.Dispense("never"); err != nil {
		panic(err)
	}
	begin := time.Now()
	if _, err := n.broker.Accept(1_000); err == nil {
		panic("somebody dialed")
	}
	return time.Since(begin)
}

func main() {
	client := &plugin.ClientConfig{Cmd: exec.Command("true")}
	plugin.NewClient(client)
	mux := yamux.DefaultConfig()
	out := map[string]any{
		"StartTimeout":           client.StartTimeout,
		"MinPort":                client.MinPort,
		"MaxPort":                client.MaxPort,
		"PluginLogBufferSize":    client.PluginLogBufferSize,
		"AllowedProtocols":       client.AllowedProtocols,
		"AcceptBacklog":          mux.AcceptBacklog,
		"EnableKeepAlive":        mux.EnableKeepAlive,
		"KeepAliveInterval":      mux.KeepAliveInterval,
		"ConnectionWriteTimeout": mux.ConnectionWriteTimeout,
		"StreamCloseTimeout":     mux.StreamCloseTimeout,
		"Accept":                 accept(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
