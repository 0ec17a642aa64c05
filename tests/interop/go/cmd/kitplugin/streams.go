package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"plugwire.test/interop/internal/kit"
)

// ReadFrom reads what the host serves under id to its end.
func (s *service) ReadFrom(id uint32, d *kit.Digest) error {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return err
	}
	defer conn.Close()
	*d, err = kit.DigestOf(conn)
	return err
}

// PullFrom does as ReadFrom, and writes a byte before each read.
func (s *service) PullFrom(id uint32, d *kit.Digest) error {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return err
	}
	defer conn.Close()
	*d, err = kit.DigestOf(pulled{conn})
	return err
}

// pulled asks for each piece before it reads it.
type pulled struct{ net.Conn }

func (p pulled) Read(b []byte) (int, error) {
	if _, err := p.Write([]byte{1}); err != nil {
		return 0, err
	}
	return p.Conn.Read(b[:min(len(b), 4096)])
}

// WriteTo writes into what the host serves under id. A chunk is one Write
// however long it is: yamux cuts it up by the peer's window, and that is tested.
func (s *service) WriteTo(a kit.WriteArgs, d *kit.Digest) error {
	if a.Chunk <= 0 || a.Seed == 0 || a.Bytes < 0 {
		return fmt.Errorf("WriteTo: Chunk and Seed must be positive, Bytes not negative: %+v", a)
	}
	conn, err := s.broker.Dial(a.Id)
	if err != nil {
		return err
	}
	defer conn.Close()

	src := kit.NewStream(a.Seed, a.Bytes)
	sum := kit.NewHasher()
	buf := make([]byte, a.Chunk)
	for {
		n, err := src.Read(buf)
		if err == io.EOF {
			break
		}
		if n, err := conn.Write(buf[:n]); err != nil {
			return fmt.Errorf("after %d bytes: %w", sum.Digest().Bytes+int64(n), err)
		}
		sum.Write(buf[:n])
	}
	*d = sum.Digest()
	return nil
}

// AcceptEchoes waits for the host to dial n streams and echoes on each.
func (s *service) AcceptEchoes(n int, ids *[]uint32) error {
	for range n {
		id := s.broker.NextId()
		*ids = append(*ids, id)
		go func() {
			conn, err := s.broker.Accept(id)
			if err != nil {
				log.Printf("[ERR] kit: accept %d: %s", id, err)
				return
			}
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
	return nil
}

// DialEchoes dials streams on which the host echoes, and tells how many did.
func (s *service) DialEchoes(ids []uint32, ok *int) error {
	conns := make([]net.Conn, len(ids))
	right := make([]bool, len(ids))
	each := func(f func(i int)) {
		var wg sync.WaitGroup
		for i := range ids {
			wg.Add(1)
			go func() { defer wg.Done(); f(i) }()
		}
		wg.Wait()
	}
	// All are open before the first is used: the count at once is the test.
	each(func(i int) {
		conn, err := s.broker.Dial(ids[i])
		if err != nil {
			log.Printf("[ERR] kit: dial %d: %s", ids[i], err)
			return
		}
		conns[i] = conn
	})
	each(func(i int) { right[i] = conns[i] != nil && echoed(conns[i], ids[i]) })
	for i, conn := range conns {
		if conn != nil {
			conn.Close()
		}
		if right[i] {
			*ok++
		}
	}
	return nil
}

func echoed(conn net.Conn, id uint32) bool {
	want := bytes.Repeat(binary.LittleEndian.AppendUint32(nil, id), 16)
	if _, err := conn.Write(want); err != nil {
		return false
	}
	got := make([]byte, len(want))
	_, err := io.ReadFull(conn, got)
	return err == nil && bytes.Equal(got, want)
}

// Trickle keeps a stream busy in one direction only, and slowly.
func (s *service) Trickle(a kit.TrickleArgs, sent *int) error {
	conn, err := s.broker.Dial(a.Id)
	if err != nil {
		return err
	}
	defer conn.Close()
	tick := time.NewTicker(max(time.Duration(a.IntervalMillis)*time.Millisecond, 1))
	defer tick.Stop()
	for i := range a.Count {
		<-tick.C
		if _, err := conn.Write([]byte{byte(i)}); err != nil {
			return fmt.Errorf("after %d bytes: %w", i, err)
		}
	}
	*sent = a.Count
	return nil
}
