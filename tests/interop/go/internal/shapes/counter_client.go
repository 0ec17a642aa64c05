package shapes

import (
	"io"
	"net/rpc"

	"github.com/hashicorp/go-plugin"
)

// CounterClient is the host's side.
type CounterClient struct {
	broker *plugin.MuxBroker
	rpc    *rpc.Client
	// Served tells of each helper that the plugin has hung up on.
	Served chan struct{}
}

// lend serves a helper for one call or longer.
func (c *CounterClient) lend(sum AddHelper) uint32 {
	id := c.broker.NextId()
	go func() {
		c.broker.AcceptAndServe(id, &addHelperServer{sum})
		if c.Served != nil {
			c.Served <- struct{}{}
		}
	}()
	return id
}

// Put implements Counter.
func (c *CounterClient) Put(key string, value int64, sum AddHelper) error {
	args := PutArgs{Key: key, Value: value, Sum: c.lend(sum)}
	return c.rpc.Call("Plugin.Put", args, new(interface{}))
}

// Get implements Counter.
func (c *CounterClient) Get(key string) (int64, error) {
	var resp int64
	err := c.rpc.Call("Plugin.Get", key, &resp)
	return resp, err
}

// Import implements Counter.
func (c *CounterClient) Import(name string, data io.Reader) (uint64, error) {
	args := ImportArgs{Name: name, Data: c.broker.NextId()}
	go func() {
		conn, err := c.broker.Accept(args.Data)
		if err != nil {
			return
		}
		defer conn.Close()
		io.Copy(conn, data)
	}()
	var resp uint64
	err := c.rpc.Call("Plugin.Import", args, &resp)
	return resp, err
}

// Export implements Counter.
func (c *CounterClient) Export(out io.Writer) error {
	id := c.broker.NextId()
	copied := make(chan error, 1)
	go func() {
		conn, err := c.broker.Accept(id)
		if err == nil {
			defer conn.Close()
			_, err = io.Copy(out, conn)
		}
		copied <- err
	}()
	if err := c.rpc.Call("Plugin.Export", id, new(interface{})); err != nil {
		return err
	}
	return <-copied
}

// ExportPulled is Export by a reader that writes a request before each read, as
// readers over brokered streams often do.
func (c *CounterClient) ExportPulled(out io.Writer) error {
	id := c.broker.NextId()
	copied := make(chan error, 1)
	go func() {
		conn, err := c.broker.Accept(id)
		if err == nil {
			defer conn.Close()
			err = pull(out, conn)
		}
		copied <- err
	}()
	if err := c.rpc.Call("Plugin.Export", id, new(interface{})); err != nil {
		return err
	}
	return <-copied
}

func pull(out io.Writer, conn io.ReadWriter) error {
	buffer := make([]byte, 4096)
	for {
		if _, err := conn.Write([]byte{1}); err != nil {
			return err
		}
		n, err := conn.Read(buffer)
		if _, err := out.Write(buffer[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Watch implements Counter.
func (c *CounterClient) Watch(key string) (Subscription, error) {
	var id uint32
	if err := c.rpc.Call("Plugin.Watch", key, &id); err != nil {
		return nil, err
	}
	conn, err := c.broker.Dial(id)
	if err != nil {
		return nil, err
	}
	return &subscriptionClient{rpc.NewClient(conn)}, nil
}

// Follow implements Counter.
func (c *CounterClient) Follow(sub Subscription) (int64, error) {
	id := c.broker.NextId()
	go c.broker.AcceptAndServe(id, &subscriptionServer{sub.Next})
	var resp int64
	err := c.rpc.Call("Plugin.Follow", id, &resp)
	return resp, err
}

// Open implements Counter.
func (c *CounterClient) Open(key string) (io.ReadCloser, error) {
	var id uint32
	if err := c.rpc.Call("Plugin.Open", key, &id); err != nil {
		return nil, err
	}
	return c.broker.Dial(id)
}

// Keep implements Counter.
func (c *CounterClient) Keep(sum AddHelper) error {
	return c.rpc.Call("Plugin.Keep", c.lend(sum), new(interface{}))
}

// Total implements Counter.
func (c *CounterClient) Total(a, b int64) (int64, error) {
	var resp int64
	err := c.rpc.Call("Plugin.Total", AddArgs{a, b}, &resp)
	return resp, err
}

// Forget implements Counter.
func (c *CounterClient) Forget() error {
	return c.rpc.Call("Plugin.Forget", new(interface{}), new(interface{}))
}

// Audited implements Counter. AcceptAndServe knows one name for a service, so
// this one is served by hand.
func (c *CounterClient) Audited(key string, audit Audit) error {
	server := rpc.NewServer()
	if err := server.RegisterName("Audit", &auditServer{audit}); err != nil {
		return err
	}
	id := c.broker.NextId()
	go func() {
		conn, err := c.broker.Accept(id)
		if err == nil {
			server.ServeConn(conn)
		}
	}()
	return c.rpc.Call("Plugin.Audited", AuditedArgs{Key: key, BrokerID: id}, new(interface{}))
}

// Settle implements Counter.
func (c *CounterClient) Settle(key string, by int64) (int64, string, error) {
	var resp SettleReturns
	err := c.rpc.Call("Plugin.Settle", SettleArgs{key, by}, &resp)
	return resp.A, resp.B, err
}

// Clear implements Counter.
func (c *CounterClient) Clear() error {
	return c.rpc.Call("Plugin.ClearAll", struct{}{}, &struct{}{})
}
