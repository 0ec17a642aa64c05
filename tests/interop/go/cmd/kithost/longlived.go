package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"plugwire.test/interop/internal/kit"
)

// interval is how often a byte goes out on a stream that is kept open.
const interval = 250 * time.Millisecond

func longLived(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	start := time.Now()
	// Opened by the host and silent both ways until the end.
	ids, err := call[[]uint32](s.RPC, "AcceptEchoes", 1)
	if err != nil {
		return "", err
	}
	idle, err := s.Broker.Dial(ids[0])
	if err != nil {
		return "", err
	}
	ways := []func(*session, time.Duration) error{trickleIn, trickleOut}
	if err := each(len(ways), func(i int) error { return ways[i](s, e.hold) }); err != nil {
		return "", err
	}
	held := time.Since(start).Round(time.Second)

	if err := s.proto.Ping(); err != nil {
		return "", fmt.Errorf("ping after %s: %w", held, err)
	}
	if _, err := s.greetOK(); err != nil {
		return "", fmt.Errorf("greet after %s: %w", held, err)
	}
	if err := echoOn(idle, ids[0]); err != nil {
		return "", fmt.Errorf("the idle stream after %s: %w", held, err)
	}
	// The standard streams have been idle since they were opened.
	if err := s.print(kit.PrintArgs{Lines: 1, Width: 20, Target: "both"}); err != nil {
		return "", fmt.Errorf("stdio after %s: %w", held, err)
	}
	return fmt.Sprintf("held for %s", held), nil
}

// trickleIn has the plugin write slowly into the host, which writes nothing.
func trickleIn(s *session, hold time.Duration) error {
	count := int(hold / interval)
	id := s.Broker.NextId()
	done := s.serve(id, func(conn net.Conn) error {
		got, err := io.ReadAll(conn)
		if err != nil {
			return err
		}
		if len(got) != count {
			return fmt.Errorf("%d bytes trickled in, wanted %d", len(got), count)
		}
		for i, b := range got {
			if b != byte(i) {
				return fmt.Errorf("byte %d is %d", i, b)
			}
		}
		return nil
	})
	sent, callErr := call[int](s.RPC, "Trickle", kit.TrickleArgs{Id: id, Count: count, IntervalMillis: int(interval / time.Millisecond)})
	if err := errors.Join(callErr, <-done); err != nil {
		return err
	}
	if sent != count {
		return fmt.Errorf("Trickle says %d sent, wanted %d", sent, count)
	}
	return nil
}

// trickleOut has the host write slowly into the plugin, which writes nothing.
func trickleOut(s *session, hold time.Duration) error {
	sum := kit.NewHasher()
	id := s.Broker.NextId()
	done := s.serve(id, func(conn net.Conn) error {
		for i := range int(hold / interval) {
			time.Sleep(interval)
			b := []byte{byte(i), byte(i >> 8)}
			sum.Write(b)
			if _, err := conn.Write(b); err != nil {
				return fmt.Errorf("byte pair %d: %w", i, err)
			}
		}
		return nil
	})
	got, callErr := call[kit.Digest](s.RPC, "ReadFrom", id)
	if err := errors.Join(callErr, <-done); err != nil {
		return err
	}
	return sameDigest(got, sum.Digest())
}
