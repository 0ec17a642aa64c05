// Command basicplugin is the plugin of go-plugin's basic example, in our words.
package main

import (
	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/greeter"
)

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: greeter.Handshake,
		Plugins:         plugin.PluginSet{greeter.Name: greeter.Plugin{}},
	})
}
