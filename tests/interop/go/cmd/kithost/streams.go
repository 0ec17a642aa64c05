package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"plugwire.test/interop/internal/kit"
)

const (
	bulk     = 64 << 20
	bigWrite = 8 << 20
	seed     = 0x9E3779B9
)

// serve accepts one stream and gives it to f. The stream is closed when f ends.
func (s *session) serve(id uint32, f func(net.Conn) error) <-chan error {
	done := make(chan error, 1)
	go func() {
		conn, err := s.Broker.Accept(id)
		if err != nil {
			done <- fmt.Errorf("accept %d: %w", id, err)
			return
		}
		err = f(conn)
		conn.Close()
		done <- err
	}()
	return done
}

// supply lets the plugin read the seed's stream, in writes of the given length.
func (s *session) supply(chunk int) error {
	src, sum := kit.NewStream(seed, bulk), kit.NewHasher()
	id := s.Broker.NextId()
	done := s.serve(id, func(conn net.Conn) error {
		buf := make([]byte, chunk)
		for {
			n, err := src.Read(buf)
			if err == io.EOF {
				return nil
			}
			sum.Write(buf[:n])
			if w, err := conn.Write(buf[:n]); err != nil || w != n {
				return fmt.Errorf("wrote %d of %d bytes: %w", w, n, err)
			}
		}
	})
	got, err := call[kit.Digest](s.RPC, "ReadFrom", id)
	if err != nil {
		return err
	}
	if err := <-done; err != nil {
		return err
	}
	return sameDigest(got, sum.Digest())
}

// consume lets the plugin write the seed's stream, in writes of the given length.
func (s *session) consume(chunk int) error {
	want, _ := kit.DigestOf(kit.NewStream(seed, bulk))
	var read kit.Digest
	id := s.Broker.NextId()
	done := s.serve(id, func(conn net.Conn) (err error) {
		read, err = kit.DigestOf(conn)
		return err
	})
	told, err := call[kit.Digest](s.RPC, "WriteTo", kit.WriteArgs{Id: id, Bytes: bulk, Chunk: chunk, Seed: seed})
	if err != nil {
		return err
	}
	if err := <-done; err != nil {
		return err
	}
	if err := sameDigest(told, want); err != nil {
		return fmt.Errorf("the plugin's own digest: %w", err)
	}
	return sameDigest(read, want)
}

func sameDigest(got, want kit.Digest) error {
	if got != want {
		return fmt.Errorf("digest %+v, wanted %+v", got, want)
	}
	return nil
}

// beside keeps Echo calls going while work lasts, and for 200 calls at least.
func (s *session) beside(work func() error) (string, error) {
	start := time.Now()
	var took atomic.Int64
	done := make(chan error, 1)
	go func() {
		err := work()
		took.Store(int64(time.Since(start)))
		done <- err
	}()
	var count, during atomic.Int64
	var slowest [4]time.Duration
	err := each(len(slowest), func(w int) error {
		payload := bytes.Repeat([]byte{byte(w)}, 500)
		for took.Load() == 0 || count.Load() < 200 {
			began := time.Now()
			if err := s.echo(kit.EchoArgs{Seq: int(count.Add(1)), Payload: payload}); err != nil {
				return err
			}
			slowest[w] = max(slowest[w], time.Since(began))
			if took.Load() == 0 {
				during.Add(1)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if err := <-done; err != nil {
		return "", err
	}
	if during.Load() == 0 {
		return "", fmt.Errorf("no call came through during the transfer")
	}
	worst := max(slowest[0], slowest[1], slowest[2], slowest[3])
	return fmt.Sprintf("%d MiB in %s; %d calls beside, the slowest %s", bulk>>20,
		time.Duration(took.Load()).Round(time.Millisecond), during.Load(), worst.Round(time.Microsecond)), nil
}

func transfer(e *env, beside bool, work func(*session) error) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	if beside {
		return s.beside(func() error { return work(s) })
	}
	start := time.Now()
	if err := work(s); err != nil {
		return "", err
	}
	took := time.Since(start).Round(time.Millisecond)
	_, err = s.greetOK()
	return fmt.Sprintf("%d MiB in %s", bulk>>20, took), err
}

func reader64(e *env) (string, error) {
	return transfer(e, true, func(s *session) error { return s.supply(32 << 10) })
}

func writer64(e *env) (string, error) {
	return transfer(e, true, func(s *session) error { return s.consume(32 << 10) })
}

func bigWriteFromHost(e *env) (string, error) {
	return transfer(e, false, func(s *session) error { return s.supply(bigWrite) })
}

func bigWriteToHost(e *env) (string, error) {
	return transfer(e, false, func(s *session) error { return s.consume(bigWrite) })
}
