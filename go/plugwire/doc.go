// Package plugwire gives go-plugin's net/rpc calls a context.Context: between
// a program in Go and one that is made with the Rust crate plugwire, the
// deadline of a call travels with it, and so does its end. A peer without it,
// in Go or in another language, is served as before.
//
// # A plugin
//
// Serve takes the place of go-plugin's Serve. The type that is served embeds
// a [Server], which [Init] connects to the broker. A method that wants the
// context embeds a [Context] in its argument:
//
//	type GreetArgs struct {
//		plugwire.Context
//		Name string
//	}
//
//	type GreeterRPC struct {
//		plugwire.Server
//		Impl Greeter
//	}
//
//	func (g *GreeterRPC) Greet(args GreetArgs, reply *string) (err error) {
//		*reply, err = g.Impl.Greet(args.Ctx(), args.Name)
//		return err
//	}
//
//	func (p *GreeterPlugin) Server(b *plugin.MuxBroker) (any, error) {
//		return plugwire.Init(b, &GreeterRPC{Impl: p.Impl}), nil
//	}
//
//	func main() {
//		plugwire.Serve(&plugin.ServeConfig{ ... })
//	}
//
// The context ends when the caller drops the call in Rust, when the deadline
// passes, when the connection ends, and when the method has returned.
//
// # A host
//
// The client of a plugin calls by a [Client]:
//
//	func (p *GreeterPlugin) Client(b *plugin.MuxBroker, c *rpc.Client) (any, error) {
//		client, err := plugwire.NewClient(b, c)
//		return &GreeterClient{client}, err
//	}
//
//	func (g *GreeterClient) Greet(ctx context.Context, name string) (reply string, err error) {
//		err = g.client.Call(ctx, "Plugin.Greet", GreetArgs{Name: name}, &reply)
//		return reply, err
//	}
//
// What the context ends ends in the plugin too, if that is made with the Rust
// crate or serves a [Server].
//
// # On the wire
//
// net/rpc's header has two fields, and gob lets a receiver skip what it does
// not know. The header here has more behind them: see header in wire.go. Its
// own streams carry it, since those of go-plugin are read by net/rpc alone:
// the caller asks for one with the method PlugwireCalls, which [Server] has,
// and which answers with the number of a stream of the broker. A host in Rust
// asks only plugins that print "plugwire=calls=asked" behind go-plugin's line,
// as [Serve] does, and they do so only for a host that offered it.
package plugwire
