// Command versushost is the host of the comparison on the real go-plugin. It
// starts the plugin that its arguments name, says which processes there are, and
// then answers each line of its standard input, a row to measure, by one line of
// JSON. It ends with its standard input.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"plugwire.test/versus/bench"
)

func main() {
	bench.EndWithParent()
	if err := run(os.Args[1:]); err != nil {
		answer(map[string]string{"error": err.Error()})
	}
}

func run(command []string) error {
	if len(command) == 0 {
		return errors.New("versushost PLUGIN [ARGUMENT...]")
	}
	peer, err := launch(command)
	if err != nil {
		return err
	}
	defer peer.client.Kill()
	answer(map[string]int{"host": os.Getpid(), "plugin": peer.pid()})
	rows := &rows{peer: peer, command: command, user: bench.SampleUser()}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		measured, err := rows.run(lines.Text())
		if err != nil {
			answer(map[string]string{"error": err.Error()})
			continue
		}
		answer(measured)
	}
	return nil
}

func answer(v any) {
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		fmt.Fprintln(os.Stderr, "versushost:", err)
	}
}

// remote is the plugin's interface as this host sees it.
type remote struct {
	broker *plugin.MuxBroker
	calls  *rpc.Client
}

type remotePlugin struct{}

func (remotePlugin) Server(*plugin.MuxBroker) (interface{}, error) {
	return nil, errors.New("a plugin's business")
}

func (remotePlugin) Client(broker *plugin.MuxBroker, calls *rpc.Client) (interface{}, error) {
	return &remote{broker, calls}, nil
}

// peer is a running plugin.
type peer struct {
	client   *plugin.Client
	protocol plugin.ClientProtocol
	*remote
}

func launch(command []string) (*peer, error) {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: bench.Handshake,
		Plugins:         plugin.PluginSet{"bench": remotePlugin{}},
		Cmd:             exec.Command(command[0], command[1:]...),
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
	})
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		return nil, err
	}
	p := &peer{client: client, protocol: protocol}
	if p.remote, err = p.dispense(); err != nil {
		client.Kill()
		return nil, err
	}
	return p, nil
}

func (p *peer) pid() int { return p.client.ReattachConfig().Pid }

func (p *peer) dispense() (*remote, error) {
	raw, err := p.protocol.Dispense("bench")
	if err != nil {
		return nil, err
	}
	return raw.(*remote), nil
}

// line is what to measure: a row, a number whose meaning is the row's, for how
// long, and the file for OnLoad.
type line struct {
	row   string
	n     uint64
	limit time.Duration
	file  string
}

func parse(text string) (line, error) {
	words := append(strings.SplitN(text, " ", 4), "", "", "")
	n, err := strconv.ParseUint(words[1], 10, 63)
	if err != nil {
		return line{}, err
	}
	millis, err := strconv.ParseUint(words[2], 10, 31)
	if err != nil {
		return line{}, err
	}
	return line{words[0], n, time.Duration(millis) * time.Millisecond, words[3]}, nil
}
