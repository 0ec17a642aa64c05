// Command shapeplugin serves the plugins of internal/shapes.
package main

import (
	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/shapes"
)

func main() {
	plugin.Serve(&plugin.ServeConfig{HandshakeConfig: shapes.Handshake, Plugins: shapes.Plugins()})
}
