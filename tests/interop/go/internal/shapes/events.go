package shapes

import (
	"encoding/gob"
	"errors"
	"io"
	"net"
	"net/rpc"

	"github.com/hashicorp/go-plugin"
)

// Event is an item of a stream.
type Event struct {
	Name  string
	Count int64
	// StreamError is set in the last one of a stream that failed, alone.
	StreamError string
}

// StreamError ends a stream whose items have no such field.
type StreamError struct{ StreamError string }

// Events has streams of items in both directions.
type Events interface {
	Watch(count int64, each func(Event) error) error
	Collect(events func(*gob.Encoder) error) (int64, error)
	// Double gives back each number, doubled, before it asks for the next one.
	Double(numbers []int64) ([]int64, error)
	// Fail gives so many events, and then an error.
	Fail(after int64, each func(Event) error) error
	// Endless gives numbers until its receiver has enough.
	Endless(each func(int64) error) error
	// Stopped waits until an endless stream has been stopped.
	Stopped() error
}

// receive reads items until the end of the stream, an error in it, or one of each.
func receive[T any](conn net.Conn, each func(T) error) error {
	defer conn.Close()
	items := gob.NewDecoder(conn)
	for {
		var item T
		if err := items.Decode(&item); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if event, ok := any(item).(Event); ok && event.StreamError != "" {
			return errors.New(event.StreamError)
		}
		if err := each(item); err != nil {
			return err
		}
	}
}

// lend sends items to whoever dials the id that it returns.
func lend(broker *plugin.MuxBroker, send func(*gob.Encoder) error) uint32 {
	id := broker.NextId()
	go func() {
		conn, err := broker.Accept(id)
		if err != nil {
			return
		}
		defer conn.Close()
		items := gob.NewEncoder(conn)
		if err := send(items); err != nil {
			items.Encode(StreamError{err.Error()})
		}
	}()
	return id
}

type eventsServer struct {
	broker  *plugin.MuxBroker
	stopped chan struct{}
}

func (s *eventsServer) Watch(count int64, resp *uint32) error {
	*resp = lend(s.broker, func(items *gob.Encoder) error {
		for i := range count {
			if err := items.Encode(Event{Name: "tick", Count: i}); err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

func (s *eventsServer) Collect(events uint32, resp *int64) error {
	conn, err := s.broker.Dial(events)
	if err != nil {
		return err
	}
	return receive(conn, func(e Event) error {
		if e.Name != "tick" {
			return errors.New("no tick: " + e.Name)
		}
		*resp += e.Count
		return nil
	})
}

func (s *eventsServer) Double(numbers uint32, resp *uint32) error {
	conn, err := s.broker.Dial(numbers)
	if err != nil {
		return err
	}
	*resp = lend(s.broker, func(items *gob.Encoder) error {
		return receive(conn, func(n int64) error { return items.Encode(2 * n) })
	})
	return nil
}

func (s *eventsServer) Fail(after int64, resp *uint32) error {
	*resp = lend(s.broker, func(items *gob.Encoder) error {
		for i := range after {
			if err := items.Encode(Event{Name: "tick", Count: i}); err != nil {
				return err
			}
		}
		return errors.New("no more paper")
	})
	return nil
}

func (s *eventsServer) Endless(_ interface{}, resp *uint32) error {
	*resp = lend(s.broker, func(items *gob.Encoder) error {
		defer func() { s.stopped <- struct{}{} }()
		for i := int64(0); ; i++ {
			if err := items.Encode(i); err != nil {
				return err
			}
		}
	})
	return nil
}

func (s *eventsServer) Stopped(_ interface{}, _ *interface{}) error {
	<-s.stopped
	return nil
}

// EventsClient is the host's side.
type EventsClient struct {
	broker *plugin.MuxBroker
	rpc    *rpc.Client
}

// dial calls a method that returns a stream.
func (c *EventsClient) dial(method string, args interface{}) (net.Conn, error) {
	var id uint32
	if err := c.rpc.Call("Plugin."+method, args, &id); err != nil {
		return nil, err
	}
	return c.broker.Dial(id)
}

// Watch implements Events.
func (c *EventsClient) Watch(count int64, each func(Event) error) error {
	conn, err := c.dial("Watch", count)
	if err != nil {
		return err
	}
	return receive(conn, each)
}

// Collect implements Events.
func (c *EventsClient) Collect(events func(*gob.Encoder) error) (int64, error) {
	var resp int64
	err := c.rpc.Call("Plugin.Collect", lend(c.broker, events), &resp)
	return resp, err
}

// Double implements Events.
func (c *EventsClient) Double(numbers []int64) ([]int64, error) {
	next := make(chan int64, 1)
	conn, err := c.dial("Double", lend(c.broker, func(items *gob.Encoder) error {
		for n := range next {
			if err := items.Encode(n); err != nil {
				return err
			}
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	var doubled []int64
	send := func() {
		if len(doubled) == len(numbers) {
			close(next)
		} else {
			next <- numbers[len(doubled)]
		}
	}
	send()
	err = receive(conn, func(n int64) error {
		doubled = append(doubled, n)
		send()
		return nil
	})
	return doubled, err
}

// Fail implements Events.
func (c *EventsClient) Fail(after int64, each func(Event) error) error {
	conn, err := c.dial("Fail", after)
	if err != nil {
		return err
	}
	return receive(conn, each)
}

// FailUnawares is Fail by a receiver that does not know of errors in streams.
func (c *EventsClient) FailUnawares(after int64) (int64, error) {
	conn, err := c.dial("Fail", after)
	if err != nil {
		return 0, err
	}
	type plain struct {
		Name  string
		Count int64
	}
	var count int64
	err = receive(conn, func(plain) error { count++; return nil })
	return count, err
}

// Endless implements Events.
func (c *EventsClient) Endless(each func(int64) error) error {
	conn, err := c.dial("Endless", new(interface{}))
	if err != nil {
		return err
	}
	return receive(conn, each)
}

// Stopped implements Events.
func (c *EventsClient) Stopped() error {
	return c.rpc.Call("Plugin.Stopped", new(interface{}), new(interface{}))
}

// GiveUp is Stopped by a caller that does not wait.
func (c *EventsClient) GiveUp() {
	c.rpc.Go("Plugin.Stopped", new(interface{}), new(interface{}), nil)
}

type eventsPlugin struct{}

func (eventsPlugin) Server(b *plugin.MuxBroker) (interface{}, error) {
	return &eventsServer{broker: b, stopped: make(chan struct{}, 16)}, nil
}

func (eventsPlugin) Client(b *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &EventsClient{broker: b, rpc: c}, nil
}
