// Package shapes has plugins in the shapes that net/rpc plugins come in, each
// written out by hand as its author would: the interface, the client, the
// server. The traits in tests/interop/src/shapes.rs are the same interfaces.
package shapes

import (
	"net/rpc"

	"github.com/hashicorp/go-plugin"
)

// Handshake is what both sides use.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "PLUGWIRE_SHAPES",
	MagicCookieValue: "interop",
}

// Plugins are all of them; what a host needs of them is the same.
func Plugins() plugin.PluginSet {
	return plugin.PluginSet{
		"greeter": greeterPlugin{},
		"kv":      kvPlugin{},
		"counter": counterPlugin{},
		"nest":    nestPlugin{},
		"lookup":  lookupPlugin{},
		"vault":   vaultPlugin{},
		"events":  eventsPlugin{},
	}
}

// Greeter is the shape of go-plugin's basic example: no argument.
type Greeter interface {
	Greet() (string, error)
}

type greeterClient struct{ rpc *rpc.Client }

func (c *greeterClient) Greet() (string, error) {
	var resp string
	err := c.rpc.Call("Plugin.Greet", new(interface{}), &resp)
	return resp, err
}

type greeterServer struct{}

func (greeterServer) Greet(_ interface{}, resp *string) error {
	*resp = "Hello!"
	return nil
}

type greeterPlugin struct{}

func (greeterPlugin) Server(*plugin.MuxBroker) (interface{}, error) { return greeterServer{}, nil }

func (greeterPlugin) Client(_ *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &greeterClient{rpc: c}, nil
}
