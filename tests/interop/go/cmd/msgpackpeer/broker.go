package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"
)

// broker is Packer's and go-plugin's MuxBroker as far as it shows on the wire:
// who dials a number writes it on a fresh stream and reads it back.
type broker struct {
	session *yamux.Session
	last    atomic.Uint32
	mu      sync.Mutex
	coming  map[uint32]chan *yamux.Stream
}

func newBroker(conn io.ReadWriteCloser, client bool) (*broker, error) {
	config := yamux.DefaultConfig()
	config.LogOutput = io.Discard
	side := yamux.Server
	if client {
		side = yamux.Client
	}
	session, err := side(conn, config)
	if err != nil {
		return nil, err
	}
	b := &broker{session: session, coming: make(map[uint32]chan *yamux.Stream)}
	go b.run()
	return b, nil
}

func (b *broker) close() { b.session.Close() }

func (b *broker) nextID() uint32 { return b.last.Add(1) }

func (b *broker) run() {
	for {
		stream, err := b.session.AcceptStream()
		if err != nil {
			return
		}
		var id uint32
		if err := binary.Read(stream, binary.LittleEndian, &id); err != nil {
			stream.Close()
			continue
		}
		b.arrival(id) <- stream
	}
}

func (b *broker) arrival(id uint32) chan *yamux.Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.coming[id] == nil {
		b.coming[id] = make(chan *yamux.Stream, 1)
	}
	return b.coming[id]
}

func (b *broker) accept(id uint32) (io.ReadWriteCloser, error) {
	select {
	case stream := <-b.arrival(id):
		return stream, binary.Write(stream, binary.LittleEndian, id)
	case <-b.session.CloseChan():
		return nil, io.EOF
	case <-time.After(20 * time.Second):
		return nil, fmt.Errorf("timeout waiting for accept")
	}
}

func (b *broker) dial(id uint32) (io.ReadWriteCloser, error) {
	stream, err := b.session.OpenStream()
	if err != nil {
		return nil, err
	}
	if err := binary.Write(stream, binary.LittleEndian, id); err != nil {
		return nil, err
	}
	var ack uint32
	if err := binary.Read(stream, binary.LittleEndian, &ack); err != nil {
		return nil, err
	}
	if ack != id {
		return nil, fmt.Errorf("bad ack: %d (expected %d)", ack, id)
	}
	return stream, nil
}
