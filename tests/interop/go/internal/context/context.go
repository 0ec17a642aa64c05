// Package context is the worker and the watcher of tests/interop/src/context.rs
// in Go, served and called with the package plugwire.
package context

import (
	"context"
	"net/rpc"
	"time"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/plugwire"
)

// Handshake is what hosts and plugins agree on.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "PLUGWIRE_CONTEXT",
	MagicCookieValue: "interop",
}

// Name is the name under which the worker is dispensed.
const Name = "worker"

// Named is an argument with the context of its call.
type Named struct {
	plugwire.Context
	Name string
}

// Watched is an argument with an interface of the caller.
type Watched struct {
	plugwire.Context
	Name    string
	Watcher uint32
}

// Seen is what a method knows of its call.
type Seen struct {
	Left  int64
	Trace string
}

// Of is what a context says.
func Of(ctx context.Context) Seen {
	seen := Seen{Left: -1, Trace: plugwire.Traceparent(ctx)}
	if deadline, ok := ctx.Deadline(); ok {
		seen.Left = max(time.Until(deadline).Milliseconds(), 0)
	}
	return seen
}

// Worker is the plugin's interface, as it is served.
type Worker struct {
	plugwire.Server
	broker *plugin.MuxBroker
}

// Hang waits for the end of its context, and tells the watcher.
func (w *Worker) Hang(args Watched, _ *any) error {
	watcher, err := plugwire.Dial(w.broker, args.Watcher)
	if err != nil {
		return err
	}
	// The watcher is told after the call has ended, too.
	defer watcher.Close()
	ctx := context.Background()
	if err := watcher.Call(ctx, "Plugin.Saw", "begun "+args.Name, new(any)); err != nil {
		return err
	}
	<-args.Ctx().Done()
	return watcher.Call(ctx, "Plugin.Saw", "cancelled "+args.Name, new(any))
}

// Context says what it knows of the call.
func (w *Worker) Context(args Named, reply *Seen) error {
	*reply = Of(args.Ctx())
	return nil
}

// ContextBehind says what the watcher knows of a call by this one.
func (w *Worker) ContextBehind(args Watched, reply *Seen) error {
	watcher, err := plugwire.Dial(w.broker, args.Watcher)
	if err != nil {
		return err
	}
	defer watcher.Close()
	return watcher.Call(args.Ctx(), "Plugin.Context", Named{Name: args.Name}, reply)
}

// HangBehind calls the watcher, which never ends.
func (w *Worker) HangBehind(args Watched, _ *any) error {
	watcher, err := plugwire.Dial(w.broker, args.Watcher)
	if err != nil {
		return err
	}
	defer watcher.Close()
	return watcher.Call(args.Ctx(), "Plugin.Hang", Named{Name: args.Name}, new(any))
}

// ContextNested is ContextBehind: to Go it is the same.
func (w *Worker) ContextNested(args Watched, reply *Seen) error {
	return w.ContextBehind(args, reply)
}

// HangNested is HangBehind.
func (w *Worker) HangNested(args Watched, reply *any) error {
	return w.HangBehind(args, reply)
}

// Lent is a reply with an interface of the plugin.
type Lent struct {
	Name    string
	Watcher uint32
}

// OwnWatcher lends a watcher of the plugin's in its reply.
func (w *Worker) OwnWatcher(args Named, reply *Lent) error {
	id := w.broker.NextId()
	events := make(chan string, 2)
	go w.broker.AcceptAndServe(id, plugwire.Init(w.broker, &Watcher{Events: events}))
	*reply = Lent{Name: args.Name, Watcher: id}
	return nil
}

// Watcher is the host's interface, as it is served. Its methods send what they
// see.
type Watcher struct {
	plugwire.Server
	Events chan string
}

// Saw takes an event.
func (w *Watcher) Saw(event string, _ *any) error {
	w.Events <- event
	return nil
}

// Context says what it knows of the call.
func (w *Watcher) Context(args Named, reply *Seen) error {
	*reply = Of(args.Ctx())
	return nil
}

// Hang waits for the end of its context.
func (w *Watcher) Hang(args Named, _ *any) error {
	w.Events <- "begun " + args.Name
	<-args.Ctx().Done()
	w.Events <- "cancelled " + args.Name
	return nil
}

// Client calls a worker.
type Client struct {
	*plugwire.Client
	Broker *plugin.MuxBroker
}

// Lend serves a watcher, and gives the number to send.
func (c *Client) Lend(events chan string) uint32 {
	id := c.Broker.NextId()
	go c.Broker.AcceptAndServe(id, plugwire.Init(c.Broker, &Watcher{Events: events}))
	return id
}

// Plugin is both sides of the worker.
type Plugin struct{}

// Server is the worker as it is served.
func (Plugin) Server(b *plugin.MuxBroker) (any, error) {
	return plugwire.Init(b, &Worker{broker: b}), nil
}

// Client is the worker as it is called.
func (Plugin) Client(b *plugin.MuxBroker, c *rpc.Client) (any, error) {
	client, err := plugwire.NewClient(b, c)
	if err != nil {
		return nil, err
	}
	return &Client{client, b}, nil
}
