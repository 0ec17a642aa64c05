// Package greeter is the service of go-plugin's basic example, the smallest
// plugin there is: one method, no argument, a string back.
package greeter

import (
	"net/rpc"

	"github.com/hashicorp/go-plugin"
)

// Name is what the plugin is dispensed as.
const Name = "greeter"

// Handshake is the basic example's, so that our programs and those built from
// go-plugin's own examples can be mixed.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "BASIC_PLUGIN",
	MagicCookieValue: "hello",
}

// Server is the plugin's side.
type Server struct{}

// Greet takes the nil interface that stands for "no argument" in net/rpc.
func (Server) Greet(_ interface{}, resp *string) error {
	*resp = "Hello!"
	return nil
}

// Client is the host's side.
type Client struct{ rpc *rpc.Client }

// Greet asks the plugin for its greeting.
func (c *Client) Greet() (string, error) {
	var resp string
	err := c.rpc.Call("Plugin.Greet", new(interface{}), &resp)
	return resp, err
}

// Plugin ties both sides to go-plugin.
type Plugin struct{}

// Server is called in the plugin, once per dispense.
func (Plugin) Server(*plugin.MuxBroker) (interface{}, error) { return Server{}, nil }

// Client is called in the host, once per dispense.
func (Plugin) Client(_ *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &Client{rpc: c}, nil
}
