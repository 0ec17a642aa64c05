package main

import (
	"fmt"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/greeter"
)

// versions has the plugin serve 1, 2 and 4 to hosts that know other lists, and
// checks both the number and that the right set is behind it.
func versions(e *env) (string, error) {
	for _, c := range []struct {
		host []int
		want int
	}{
		{host: []int{1}, want: 1},
		{host: []int{1, 2, 3}, want: 2},
		{host: []int{4, 2}, want: 4},
	} {
		s := e.launch(func(config *plugin.ClientConfig) {
			config.Cmd.Env = append(config.Cmd.Env, "KIT_VERSIONS=1,2,4")
			config.HandshakeConfig.ProtocolVersion = 0
			config.Plugins, config.VersionedPlugins = nil, map[int]plugin.PluginSet{}
			for _, v := range c.host {
				config.VersionedPlugins[v] = plugin.PluginSet{"version": greeter.Plugin{}}
			}
		})
		proto, err := s.client.Client()
		if err != nil {
			return "", fmt.Errorf("%v: %w", c.host, err)
		}
		if got := s.client.NegotiatedVersion(); got != c.want {
			return "", fmt.Errorf("%v: negotiated %d, wanted %d", c.host, got, c.want)
		}
		raw, err := proto.Dispense("version")
		if err != nil {
			return "", err
		}
		greeting, err := raw.(*greeter.Client).Greet()
		if want := fmt.Sprintf("version %d", c.want); err != nil || greeting != want {
			return "", fmt.Errorf("%v: greeted %q, %v, wanted %q", c.host, greeting, err, want)
		}
		s.client.Kill()
	}
	return "", nil
}
