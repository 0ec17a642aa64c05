// Command contextplugin serves the worker of internal/context, with the package
// plugwire; or, with the argument "plain", with go-plugin's Serve alone.
package main

import (
	"os"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/context"
	"plugwire.test/plugwire"
)

func main() {
	config := &plugin.ServeConfig{
		HandshakeConfig: context.Handshake,
		Plugins:         plugin.PluginSet{context.Name: context.Plugin{}},
	}
	if len(os.Args) > 1 && os.Args[1] == "plain" {
		plugin.Serve(config)
		return
	}
	plugwire.Serve(config)
}
