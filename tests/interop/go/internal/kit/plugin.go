package kit

import (
	"net/rpc"

	"github.com/hashicorp/go-plugin"
)

// Name is what the plugin is dispensed as.
const Name = "kit"

// Handshake is what both sides use unless a test says otherwise.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "PLUGWIRE_KIT",
	MagicCookieValue: "interop",
}

// Remote is the kit as the host sees it. It stays this thin because the host's
// cases make calls that a typed client would not allow, such as wrong methods.
type Remote struct {
	Broker *plugin.MuxBroker
	RPC    *rpc.Client
}

// Plugin ties both sides to go-plugin. New makes the service in the plugin and
// is nil in the host.
type Plugin struct {
	New func(*plugin.MuxBroker) interface{}
}

// Server is called in the plugin, once per dispense.
func (p *Plugin) Server(b *plugin.MuxBroker) (interface{}, error) { return p.New(b), nil }

// Client is called in the host, once per dispense.
func (p *Plugin) Client(b *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &Remote{Broker: b, RPC: c}, nil
}
