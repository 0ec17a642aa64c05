package plugwire

import (
	"context"
	"io"
	"net/rpc"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
)

// Server is embedded in a type whose methods net/rpc serves. [Init] makes it
// ready.
type Server struct {
	broker *plugin.MuxBroker
	self   any
}

// served is what embeds a Server.
type served interface {
	serve(broker *plugin.MuxBroker, self any)
}

func (s *Server) serve(broker *plugin.MuxBroker, self any) {
	s.broker, s.self = broker, self
}

// Init makes the Server that v embeds ready, and returns v, for the result of
// a plugin.Plugin's Server or for the broker's AcceptAndServe. v must be a
// pointer to a struct that embeds Server.
func Init[T served](broker *plugin.MuxBroker, v T) T {
	v.serve(broker, v)
	return v
}

// PlugwireCalls gives the number of a stream on which the same methods are
// served, with contexts. Peers call it; programs do not.
func (s *Server) PlugwireCalls(_ string, id *uint32) error {
	if s.broker == nil {
		// In net/rpc's words, since it is as if there were no such method.
		return rpc.ServerError("rpc: can't find method " + ask)
	}
	*id = s.broker.NextId()
	go func(id uint32) {
		// It is closed where the peer does not dial in time.
		if conn, err := s.broker.Accept(id); err == nil {
			ServeConn(conn, s.self)
		}
	}(*id)
	return nil
}

// ServeConn serves the methods of v, as net/rpc does, under go-plugin's name
// for them, to a caller that sends contexts. It returns when the caller hangs
// up.
func ServeConn(conn io.ReadWriteCloser, v any) {
	server := rpc.NewServer()
	if err := server.RegisterName("Plugin", v); err != nil {
		conn.Close()
		return
	}
	server.ServeCodec(newServerCodec(conn))
}

// serverCodec reads the headers of plugwire for a rpc.Server.
type serverCodec struct {
	gobs
	base context.Context
	end  context.CancelFunc
	// current is the context of the request whose body comes next. Only the
	// reading goroutine uses it.
	current context.Context

	mu sync.Mutex
	// running has the calls that are not answered and not cancelled.
	running map[uint64]context.CancelFunc
}

func newServerCodec(conn io.ReadWriteCloser) *serverCodec {
	base, end := context.WithCancel(context.Background())
	return &serverCodec{
		gobs:    newGobs(conn),
		base:    base,
		end:     end,
		current: base,
		running: map[uint64]context.CancelFunc{},
	}
}

func (c *serverCodec) ReadRequestHeader(r *rpc.Request) error {
	for {
		var h header
		if err := c.dec.Decode(&h); err != nil {
			// The caller is gone, and so are its calls.
			c.end()
			return err
		}
		if h.ServiceMethod == cancel {
			if err := c.skip(); err != nil {
				c.end()
				return err
			}
			c.finish(h.PlugwireCancel)
			continue
		}
		r.ServiceMethod, r.Seq = h.ServiceMethod, h.Seq
		c.begin(h)
		return nil
	}
}

// begin makes the context of a call.
func (c *serverCodec) begin(h header) {
	ctx, end := context.WithCancel(c.base)
	if h.PlugwireDeadline != 0 {
		ctx, end = context.WithTimeout(c.base, time.Duration(h.PlugwireDeadline))
	}
	c.current = WithTraceparent(ctx, h.PlugwireTrace)
	c.mu.Lock()
	before := c.running[h.Seq]
	c.running[h.Seq] = end
	c.mu.Unlock()
	if before != nil {
		// A caller that gives two calls one number can end the later one.
		before()
	}
}

// finish ends the context of a call, and reports whether there was one.
func (c *serverCodec) finish(seq uint64) bool {
	c.mu.Lock()
	end, ok := c.running[seq]
	delete(c.running, seq)
	c.mu.Unlock()
	if ok {
		end()
	}
	return ok
}

func (c *serverCodec) ReadRequestBody(body any) error {
	if body == nil {
		return c.skip()
	}
	err := c.dec.Decode(body)
	if wants, ok := body.(interface{ SetContext(context.Context) }); ok && err == nil {
		wants.SetContext(c.current)
	}
	return err
}

// WriteResponse answers a call, unless it was cancelled: then no one waits.
// rpc.Server calls it from one goroutine at a time.
func (c *serverCodec) WriteResponse(r *rpc.Response, body any) error {
	if !c.finish(r.Seq) {
		return nil
	}
	return c.write(r, body)
}

func (c *serverCodec) Close() error {
	c.end()
	return c.conn.Close()
}
