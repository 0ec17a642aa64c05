package shapes

import (
	"io"
	"net/rpc"

	"github.com/hashicorp/go-plugin"
)

// Counter is the shape of go-plugin's bidirectional example, with all else that
// crosses by broker id: the plugin calls what its host hands to it, reads,
// writes, and returns things of its own.
type Counter interface {
	Put(key string, value int64, sum AddHelper) error
	Get(key string) (int64, error)
	Import(name string, data io.Reader) (uint64, error)
	Export(out io.Writer) error
	Watch(key string) (Subscription, error)
	Open(key string) (io.ReadCloser, error)
	// Follow asks a subscription, whoever has it, for its next count.
	Follow(sub Subscription) (int64, error)
	// Keep holds on to the helper until Forget, for Total.
	Keep(sum AddHelper) error
	Total(a, b int64) (int64, error)
	Forget() error
	Audited(key string, audit Audit) error
	// Settle has its arguments and results in lettered fields.
	Settle(key string, by int64) (int64, string, error)
	// Clear replies with an empty struct.
	Clear() error
}

// AddHelper is the host's.
type AddHelper interface {
	Add(a, b int64) (int64, error)
}

// Subscription is the plugin's.
type Subscription interface {
	Next() (int64, error)
	Close() error
}

// Audit is the host's, and its service has a name of its own.
type Audit interface {
	Note(text string) error
}

// PutArgs are the arguments of Put; Sum is a broker id.
type PutArgs struct {
	Key   string
	Value int64
	Sum   uint32
}

// AddArgs are the arguments of Add and of Total.
type AddArgs struct{ A, B int64 }

// ImportArgs are the arguments of Import.
type ImportArgs struct {
	Name string
	Data uint32
}

// AuditedArgs are the arguments of Audited.
type AuditedArgs struct {
	Key      string
	BrokerID uint32
}

// SettleArgs and SettleReturns are as generators name them.
type SettleArgs struct {
	A string
	B int64
}

// SettleReturns are the results of Settle.
type SettleReturns struct {
	A int64
	B string
}

type addHelperServer struct{ impl AddHelper }

func (s *addHelperServer) Add(args AddArgs, resp *int64) (err error) {
	*resp, err = s.impl.Add(args.A, args.B)
	return err
}

type addHelperClient struct{ rpc *rpc.Client }

func (c *addHelperClient) Add(a, b int64) (int64, error) {
	var resp int64
	err := c.rpc.Call("Plugin.Add", AddArgs{a, b}, &resp)
	return resp, err
}

type subscriptionServer struct{ next func() (int64, error) }

func (s *subscriptionServer) Next(_ interface{}, resp *int64) (err error) {
	*resp, err = s.next()
	return err
}

type subscriptionClient struct{ rpc *rpc.Client }

func (c *subscriptionClient) Next() (int64, error) {
	var resp int64
	err := c.rpc.Call("Plugin.Next", new(interface{}), &resp)
	return resp, err
}

func (c *subscriptionClient) Close() error { return c.rpc.Close() }

type auditServer struct{ impl Audit }

func (s *auditServer) Note(text string, _ *interface{}) error { return s.impl.Note(text) }

type counterPlugin struct{}

func (counterPlugin) Server(b *plugin.MuxBroker) (interface{}, error) {
	return &counterServer{broker: b, counts: map[string]int64{}}, nil
}

func (counterPlugin) Client(b *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &CounterClient{broker: b, rpc: c}, nil
}
