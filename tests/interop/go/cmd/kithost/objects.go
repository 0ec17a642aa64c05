package main

import (
	"fmt"
	"net/rpc"
	"sync/atomic"
	"time"

	"plugwire.test/interop/internal/kit"
)

// hostName is what the host's own object says it is called.
const hostName = "kithost"

// adder is the host's object that the plugin calls back.
type adder struct{ calls atomic.Int64 }

// Add is called by the plugin.
func (a *adder) Add(args kit.AddArgs, r *int) error {
	a.calls.Add(1)
	*r = args.A + args.B
	return nil
}

// Name is called by the plugin.
func (a *adder) Name(_ interface{}, r *string) error {
	*r = hostName
	return nil
}

// object dials something that the plugin serves.
func (s *session) object(id uint32) (*rpc.Client, error) {
	conn, err := s.Broker.Dial(id)
	if err != nil {
		return nil, fmt.Errorf("dial %d: %w", id, err)
	}
	return rpc.NewClient(conn), nil
}

func wantIncr(counter *rpc.Client, by, want int) error {
	got, err := call[int](counter, "Incr", by)
	if err == nil && got != want {
		err = fmt.Errorf("Incr(%d) gave %d, wanted %d", by, got, want)
	}
	return err
}

func callback(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	var said string
	// The second time the plugin dials well before the host accepts.
	for _, late := range []time.Duration{0, 300 * time.Millisecond} {
		a, id := &adder{}, s.Broker.NextId()
		go func() { time.Sleep(late); s.Broker.AcceptAndServe(id, a) }()
		said, err = call[string](s.RPC, "CallBack", id)
		if err != nil {
			return "", err
		}
		if want := hostName + " says 42"; said != want || a.calls.Load() != 1 {
			return "", fmt.Errorf("%q, wanted %q; %d calls of Add", said, want, a.calls.Load())
		}
	}
	return said, nil
}

func returnedInterface(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	var counters [2]*rpc.Client
	for i := range counters {
		id, err := call[uint32](s.RPC, "MakeCounter", 10*i)
		if err != nil {
			return "", err
		}
		if counters[i], err = s.object(id); err != nil {
			return "", err
		}
	}
	for _, step := range []struct{ counter, by, want int }{
		{0, 5, 5}, {1, 5, 15}, {0, -5, 0}, {1, -20, -5}, {0, 1, 1},
	} {
		if err := wantIncr(counters[step.counter], step.by, step.want); err != nil {
			return "", err
		}
	}
	// Closing one object leaves the other and the session alone.
	if err := counters[0].Close(); err != nil {
		return "", err
	}
	if err := wantIncr(counters[1], 6, 1); err != nil {
		return "", err
	}
	_, err = s.greetOK()
	return "two counters", err
}

func nested(e *env) (string, error) {
	const rounds = 100
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	a, id := &adder{}, s.Broker.NextId()
	go s.Broker.AcceptAndServe(id, a)
	counterID, err := call[uint32](s.RPC, "Nested", id)
	if err != nil {
		return "", err
	}
	counter, err := s.object(counterID)
	if err != nil {
		return "", err
	}
	for i := range rounds {
		if err := wantIncr(counter, 3, 3*(i+1)); err != nil {
			return "", err
		}
	}
	if n := a.calls.Load(); n != rounds {
		return "", fmt.Errorf("the host's Add was called %d times, wanted %d", n, rounds)
	}
	return fmt.Sprintf("%d nested calls", rounds), nil
}
