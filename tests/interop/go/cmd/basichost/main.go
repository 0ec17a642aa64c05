// Command basichost is the host of go-plugin's basic example, in our words. It
// starts the plugin named by its argument and prints the greeting.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/greeter"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: basichost PLUGIN")
		os.Exit(2)
	}
	greeting, err := greet(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "basichost:", err)
		os.Exit(1)
	}
	fmt.Println(greeting)
}

// greet is apart from main so that the plugin is killed before os.Exit.
func greet(path string) (string, error) {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: greeter.Handshake,
		Plugins:         plugin.PluginSet{greeter.Name: greeter.Plugin{}},
		Cmd:             exec.Command(path),
		Logger:          hclog.NewNullLogger(),
	})
	defer client.Kill()

	session, err := client.Client()
	if err != nil {
		return "", err
	}
	raw, err := session.Dispense(greeter.Name)
	if err != nil {
		return "", err
	}
	return raw.(*greeter.Client).Greet()
}
