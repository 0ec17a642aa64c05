package main

import (
	"fmt"
	"net/rpc"
	"sync"

	"plugwire.test/interop/internal/kit"
)

// dial makes a client of an object that the host serves under a broker id.
func (s *service) dial(id uint32) (*rpc.Client, error) {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return nil, err
	}
	return rpc.NewClient(conn), nil
}

// CallBack uses an object of the host while the host waits for this call.
func (s *service) CallBack(id uint32, r *string) error {
	host, err := s.dial(id)
	if err != nil {
		return err
	}
	defer host.Close()

	var sum int
	if err := host.Call("Plugin.Add", kit.AddArgs{A: 2, B: 40}, &sum); err != nil {
		return err
	}
	var name string
	if err := host.Call("Plugin.Name", new(interface{}), &name); err != nil {
		return err
	}
	*r = fmt.Sprintf("%s says %d", name, sum)
	return nil
}

// MakeCounter returns an object, which crosses the wire as a broker id.
func (s *service) MakeCounter(start int, id *uint32) error {
	*id = s.broker.NextId()
	go s.broker.AcceptAndServe(*id, &counter{value: start, add: addHere})
	return nil
}

// Nested returns a counter that has the host do its sums. It keeps the host's
// object for as long as the session lives.
func (s *service) Nested(id uint32, out *uint32) error {
	host, err := s.dial(id)
	if err != nil {
		return err
	}
	*out = s.broker.NextId()
	go s.broker.AcceptAndServe(*out, &counter{add: func(a, b int) (sum int, err error) {
		err = host.Call("Plugin.Add", kit.AddArgs{A: a, B: b}, &sum)
		return sum, err
	}})
	return nil
}

// counter is served as an object of its own. Calls on it may overlap.
type counter struct {
	mu    sync.Mutex
	value int
	add   func(a, b int) (int, error)
}

func addHere(a, b int) (int, error) { return a + b, nil }

// Incr adds and tells the new value.
func (c *counter) Incr(by int, r *int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum, err := c.add(c.value, by)
	if err != nil {
		return err
	}
	c.value = sum
	*r = sum
	return nil
}
