// Command many has many plugins in one host: many PLUGINS PROGRAM. It is a
// plugin, too. See src/main.rs, which measures the same.
package main

import (
	"errors"
	"fmt"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

var handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "PLUGWIRE_MANY",
	MagicCookieValue: "cookie",
}

// How many are started or ended at a time.
const atOnce = 8

const idle = 10 * time.Second

type echo struct{}

func (echo) Echo(text string, reply *string) error {
	*reply = text
	return nil
}

type echoPlugin struct{}

func (echoPlugin) Server(*plugin.MuxBroker) (interface{}, error) { return echo{}, nil }

func (echoPlugin) Client(_ *plugin.MuxBroker, c *rpc.Client) (interface{}, error) { return c, nil }

var plugins = plugin.PluginSet{"echo": echoPlugin{}}

func main() {
	if os.Getenv(handshake.MagicCookieKey) != "" {
		plugin.Serve(&plugin.ServeConfig{HandshakeConfig: handshake, Plugins: plugins})
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "many:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("many PLUGINS PROGRAM")
	}
	count, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	begin := time.Now()
	clients := make([]*plugin.Client, count)
	err = each(count, func(i int) (err error) {
		clients[i], err = launch(arguments[1])
		return err
	})
	if err != nil {
		return err
	}
	startTime := time.Since(begin)

	pids := make([]string, count)
	for i, client := range clients {
		pids[i] = client.ID()
	}
	timeOf := func() (host, all int) {
		for _, pid := range pids {
			all += ticks(pid)
		}
		return ticks("self"), all
	}
	// What the start has set off is over.
	time.Sleep(2 * time.Second)
	hostBefore, before := timeOf()
	time.Sleep(idle)
	hostAfter, after := timeOf()
	memory := 0
	for _, pid := range pids {
		memory += field(pid+"/smaps_rollup", "Pss:")
	}
	hostMemory, threads := field("self/status", "VmRSS:"), field("self/status", "Threads:")
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	end := time.Now()
	err = each(count, func(i int) error {
		clients[i].Kill()
		return nil
	})
	// A tick is 10 ms.
	aSecond := func(ticks int) float64 { return float64(ticks) * 10 / idle.Seconds() }
	fmt.Printf(`{"plugins":%d,"start_ms":%d,"host_kib":%d,"plugin_kib":%d,"descriptors":%d,"threads":%d,`+
		`"idle_host_ms":%.1f,"idle_plugins_ms":%.1f,"end_ms":%d}`+"\n",
		count, startTime.Milliseconds(), hostMemory, memory/max(count, 1), len(descriptors), threads,
		aSecond(hostAfter-hostBefore), aSecond(after-before), time.Since(end).Milliseconds())
	return err
}

// each calls do for every index, a few at a time.
func each(count int, do func(int) error) error {
	var wait sync.WaitGroup
	places := make(chan struct{}, atOnce)
	failed := make([]error, count)
	for i := range count {
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			failed[i] = do(i)
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}

func launch(program string) (*plugin.Client, error) {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake,
		Plugins:         plugins,
		Cmd:             exec.Command(program),
		Logger:          hclog.NewNullLogger(),
	})
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	dispensed, err := protocol.Dispense("echo")
	if err != nil {
		return nil, err
	}
	var reply string
	if err := dispensed.(*rpc.Client).Call("Plugin.Echo", "hello", &reply); err != nil {
		return nil, err
	}
	if reply != "hello" {
		return nil, fmt.Errorf("answered %q", reply)
	}
	return client, nil
}

// field is the number behind a key in a file of /proc.
func field(file, key string) int {
	text, _ := os.ReadFile("/proc/" + file)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, key); found {
			number, _ := strconv.Atoi(strings.Fields(rest)[0])
			return number
		}
	}
	return 0
}

// ticks is the processor time of a process.
func ticks(pid string) int {
	text, _ := os.ReadFile("/proc/" + pid + "/stat")
	rest := string(text)[strings.LastIndex(string(text), ") ")+2:]
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return user + system
}
