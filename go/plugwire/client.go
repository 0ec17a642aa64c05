package plugwire

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
)

// closeTimeout is how long a connection that is closed waits for a peer to read
// what it has to know.
const closeTimeout = 5 * time.Second

// Client calls the methods of a peer, each with a context. Any number of
// goroutines may use one.
type Client struct {
	// plain is the connection of go-plugin. The peer may take its end for that
	// of the whole interface.
	plain *rpc.Client
	// calls is the connection of our own. nil where the peer has none.
	calls *calls
}

// NewClient asks the peer of a connection for one that carries contexts. c and
// broker are the arguments of a plugin.Plugin's Client. A peer that has none
// is called by c: a call then returns when its context ends, and the peer goes
// on with it.
func NewClient(broker *plugin.MuxBroker, c *rpc.Client) (*Client, error) {
	var id uint32
	err := c.Call(ask, "", &id)
	var refused rpc.ServerError
	switch {
	case errors.As(err, &refused) && strings.HasPrefix(string(refused), "rpc: can't find "):
		return &Client{plain: c}, nil
	case err != nil:
		return nil, err
	}
	conn, err := broker.Dial(id)
	if err != nil {
		return nil, err
	}
	return &Client{plain: c, calls: newCalls(conn)}, nil
}

// Dial connects to what the peer serves under a number of the broker: an
// interface that came as an argument or a reply.
func Dial(broker *plugin.MuxBroker, id uint32) (*Client, error) {
	conn, err := broker.Dial(id)
	if err != nil {
		return nil, err
	}
	c := rpc.NewClient(conn)
	client, err := NewClient(broker, c)
	if err != nil {
		c.Close()
	}
	return client, err
}

// Call calls a method, such as Plugin.Greet, and waits for its reply. Its
// error is that of the context when that ends first, and else what
// rpc.Client's Call returns.
func (c *Client) Call(ctx context.Context, method string, args, reply any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.calls != nil {
		return c.calls.call(ctx, method, args, reply)
	}
	call := c.plain.Go(method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return call.Error
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the connection. Calls that wait fail with rpc.ErrShutdown. A peer
// is still told of the calls that have ended by their contexts.
func (c *Client) Close() error {
	if c.calls != nil {
		c.calls.close()
	}
	return c.plain.Close()
}

// calls is a connection whose calls have contexts.
type calls struct {
	gobs

	// writing is held while a message is written.
	writing sync.Mutex

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]*waiting
	// ended is why no more replies come.
	ended error
	// cancels are those that are being sent.
	cancels int
	// closing is whether the last cancel closes the connection.
	closing bool
}

// waiting is a call that waits for its reply.
type waiting struct {
	// reply is where the reply is decoded to. The reading goroutine has the
	// call by then, and the caller waits for it.
	reply any
	done  chan error
}

func newCalls(conn io.ReadWriteCloser) *calls {
	c := &calls{gobs: newGobs(conn), waiting: map[uint64]*waiting{}}
	go c.read()
	return c
}

func (c *calls) call(ctx context.Context, method string, args, reply any) error {
	call := &waiting{reply: reply, done: make(chan error, 1)}
	c.mu.Lock()
	if c.ended != nil || c.closing {
		c.mu.Unlock()
		return rpc.ErrShutdown
	}
	h := header{ServiceMethod: method, Seq: c.next, PlugwireTrace: Traceparent(ctx)}
	c.next++
	c.waiting[h.Seq] = call
	c.mu.Unlock()

	if deadline, ok := ctx.Deadline(); ok {
		// Zero would be none.
		h.PlugwireDeadline = max(int64(time.Until(deadline)), 1)
	}
	c.writing.Lock()
	err := c.write(h, args)
	c.writing.Unlock()
	if err != nil {
		c.forget(h.Seq)
		return err
	}
	select {
	case err := <-call.done:
		return late(ctx, err)
	case <-ctx.Done():
	}
	if !c.forget(h.Seq) {
		// The reply is being decoded.
		return late(ctx, <-call.done)
	}
	c.mu.Lock()
	c.cancels++
	c.mu.Unlock()
	// Not here: a peer that does not read would hold the caller up.
	go c.cancel(h.Seq)
	return ctx.Err()
}

// cancel tells the peer that a call has ended.
func (c *calls) cancel(seq uint64) {
	c.writing.Lock()
	c.write(header{ServiceMethod: cancel, Seq: seq, PlugwireCancel: seq}, struct{}{})
	c.writing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancels--
	if c.closing && c.cancels == 0 {
		c.conn.Close()
	}
}

// close closes the connection, once the cancels are sent. One whose peer does
// not read them in time is closed without.
func (c *calls) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	if c.cancels == 0 {
		c.conn.Close()
		return
	}
	time.AfterFunc(closeTimeout, func() { c.conn.Close() })
}

// late gives the context's error for the peer's: both have one deadline, and the
// peer may see it pass first.
func late(ctx context.Context, err error) error {
	if _, ok := ctx.Deadline(); ok && err == rpc.ServerError(context.DeadlineExceeded.Error()) {
		return context.DeadlineExceeded
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// forget takes a call out, and reports whether it still waited.
func (c *calls) forget(seq uint64) bool {
	return c.take(seq) != nil
}

func (c *calls) take(seq uint64) *waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.waiting[seq]
	delete(c.waiting, seq)
	return call
}

// read reads replies until the connection ends.
func (c *calls) read() {
	err := c.replies()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	c.conn.Close()
	c.mu.Lock()
	c.ended = err
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for _, call := range waiting {
		call.done <- err
	}
}

func (c *calls) replies() error {
	for {
		var response rpc.Response
		if err := c.dec.Decode(&response); err != nil {
			return err
		}
		call := c.take(response.Seq)
		if call == nil || response.Error != "" {
			if err := c.skip(); err != nil {
				return err
			}
			if call != nil {
				call.done <- rpc.ServerError(response.Error)
			}
			continue
		}
		unlike, lost := c.body(call.reply)
		if lost != nil {
			call.done <- lost
			return lost
		}
		if unlike != nil {
			unlike = errors.New("reading body " + unlike.Error())
		}
		call.done <- unlike
	}
}
