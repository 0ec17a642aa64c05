package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// manyStreams is far above the 256 streams that yamux lets wait for an ACK.
const manyStreams = 600

// echoOn writes 64 bytes with the id in them and reads them back.
func echoOn(conn net.Conn, id uint32) error {
	want := bytes.Repeat(binary.LittleEndian.AppendUint32(nil, id), 16)
	if _, err := conn.Write(want); err != nil {
		return fmt.Errorf("stream %d: %w", id, err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return fmt.Errorf("stream %d: %w", id, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("stream %d echoed %x", id, got)
	}
	return nil
}

func streamsDial(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	ids, err := call[[]uint32](s.RPC, "AcceptEchoes", manyStreams)
	if err != nil {
		return "", err
	}
	if len(ids) != manyStreams {
		return "", fmt.Errorf("%d ids", len(ids))
	}
	conns := make([]net.Conn, len(ids))
	err = each(len(ids), func(i int) (err error) {
		conns[i], err = s.Broker.Dial(ids[i])
		return err
	})
	if err != nil {
		return "", fmt.Errorf("dial: %w", err)
	}
	// All are open now, and stay so until all have echoed.
	if err := each(len(ids), func(i int) error { return echoOn(conns[i], ids[i]) }); err != nil {
		return "", err
	}
	err = each(len(ids), func(i int) error {
		conns[i].Close()
		if n, err := conns[i].Read(make([]byte, 1)); err != io.EOF {
			return fmt.Errorf("stream %d after Close: %d bytes, %v; wanted EOF", ids[i], n, err)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	_, err = s.greetOK()
	return fmt.Sprintf("%d streams", manyStreams), err
}

func streamsAccept(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	ids := make([]uint32, manyStreams)
	done := make([]<-chan error, manyStreams)
	for i := range ids {
		ids[i] = s.Broker.NextId()
		done[i] = s.serve(ids[i], func(conn net.Conn) error {
			if n, err := io.Copy(conn, conn); err != nil || n != 64 {
				return fmt.Errorf("stream %d echoed %d bytes: %w", ids[i], n, err)
			}
			return nil
		})
	}
	ok, err := call[int](s.RPC, "DialEchoes", ids)
	if err != nil {
		return "", err
	}
	for _, d := range done {
		if err := <-d; err != nil {
			return "", err
		}
	}
	if ok != manyStreams {
		return "", fmt.Errorf("%d of %d echoed", ok, manyStreams)
	}
	_, err = s.greetOK()
	return fmt.Sprintf("%d streams", ok), err
}

// strayStream dials an id that the plugin never accepts. go-plugin gives no
// access to streams without an id, so one that stays silent is not tested here.
func strayStream(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	start := time.Now()
	var took atomic.Int64
	done := make(chan error, 1)
	go func() {
		_, err := s.Broker.Dial(0xFFFF_FF00)
		took.Store(int64(time.Since(start)))
		done <- err
	}()
	for took.Load() == 0 {
		id, err := call[uint32](s.RPC, "MakeCounter", 1)
		if err != nil {
			return "", err
		}
		counter, err := s.object(id)
		if err != nil {
			return "", err
		}
		if err := wantIncr(counter, 1, 2); err != nil {
			return "", err
		}
		counter.Close()
		time.Sleep(50 * time.Millisecond)
	}
	after := time.Duration(took.Load()).Round(time.Millisecond)
	if err := <-done; err != io.EOF {
		return "", fmt.Errorf("the dial ended with %v after %s, wanted EOF", err, after)
	}
	if after < 4*time.Second || after > 8*time.Second {
		return "", fmt.Errorf("closed after %s", after)
	}
	_, err = s.greetOK()
	return fmt.Sprintf("closed after %s", after), err
}
