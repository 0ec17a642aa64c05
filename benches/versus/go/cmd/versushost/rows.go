package main

import (
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"plugwire.test/versus/bench"
)

// rows are the same for every contender; src/rows.rs has them for hosts in Rust.
type rows struct {
	peer    *peer
	command []string
	user    *bench.User
	streams []net.Conn
}

// measured is how often something was done, and how long it took.
type measured struct {
	Ops   uint64 `json:"ops"`
	Ns    int64  `json:"ns"`
	Bytes uint64 `json:"bytes,omitempty"`
}

func (r *rows) run(text string) (measured, error) {
	line, err := parse(text)
	if err != nil {
		return measured{}, err
	}
	p := r.peer
	switch line.row {
	case "launch":
		return r.launch(line.limit)
	case "call-string":
		return repeat(line.limit, p.echo)
	case "call-user":
		return repeat(line.limit, r.echoUser)
	case "callers":
		return p.callers(line.n, line.limit)
	case "dispense":
		return repeat(line.limit, func() error {
			fresh, err := p.dispense()
			if err != nil {
				return err
			}
			return fresh.calls.Close()
		})
	case "callback":
		return repeat(line.limit, p.callback)
	case "pingpong":
		return p.pingPong(line.limit)
	case "reader":
		return p.transfer(1, line.n, p.reader)
	case "writer":
		return p.transfer(1, line.n, p.writer)
	case "streams-64":
		return p.transfer(64, line.n, p.reader)
	case "items":
		return items(p, "Items", line.n, line.n*(line.n-1)/2, 0, func(i uint64) uint64 { return i })
	case "texts":
		bytes := line.n * uint64(len(bench.Text))
		return items(p, "Texts", line.n, bytes, bytes, func(uint64) string { return bench.Text })
	case "idle":
		return p.idle(line.n, line.limit)
	case "hold-streams":
		return measured{}, r.holdStreams(line.n)
	case "hold-calls":
		return measured{}, p.startWaiting(line.n, make(chan error, line.n))
	case "settle":
		debug.FreeOSMemory()
		return measured{}, p.calls.Call("Plugin.Settle", uint64(0), new(uint64))
	default:
		return p.reva(line)
	}
}

// repeat does one operation after the other for a while.
func repeat(limit time.Duration, op func() error) (measured, error) {
	start := time.Now()
	for ops := uint64(1); ; ops++ {
		if err := op(); err != nil {
			return measured{}, err
		}
		if elapsed := time.Since(start); elapsed >= limit {
			return measured{Ops: ops, Ns: elapsed.Nanoseconds()}, nil
		}
	}
}

// launch measures launch to first reply; ending the plugin is not timed.
func (r *rows) launch(limit time.Duration) (measured, error) {
	var m measured
	for m.Ns < limit.Nanoseconds() {
		start := time.Now()
		p, err := launch(r.command)
		if err != nil {
			return m, err
		}
		err = p.echo()
		m.Ns += time.Since(start).Nanoseconds()
		m.Ops++
		p.client.Kill()
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

func (p *peer) echo() error {
	var reply string
	if err := p.calls.Call("Plugin.Echo", bench.Text, &reply); err != nil {
		return err
	}
	if reply != bench.Text {
		return fmt.Errorf("the reply is %q", reply)
	}
	return nil
}

func (r *rows) echoUser() error {
	var reply bench.User
	if err := r.peer.calls.Call("Plugin.EchoUser", r.user, &reply); err != nil {
		return err
	}
	if !reply.Is(r.user) {
		return errors.New("another user")
	}
	return nil
}

// callers has so many goroutines each call again as soon as it has its reply.
// They look at a flag and not at the clock, as the hosts in Rust do.
func (p *peer) callers(n uint64, limit time.Duration) (measured, error) {
	start := time.Now()
	var over atomic.Bool
	time.AfterFunc(limit, func() { over.Store(true) })
	var ops atomic.Uint64
	done := make(chan error, n)
	for range n {
		go func() {
			own := uint64(0)
			for !over.Load() {
				if err := p.echo(); err != nil {
					done <- err
					return
				}
				own++
			}
			ops.Add(own)
			done <- nil
		}()
	}
	for range n {
		if err := <-done; err != nil {
			return measured{}, err
		}
	}
	return measured{Ops: ops.Load(), Ns: time.Since(start).Nanoseconds()}, nil
}

// Log is the interface that the plugin calls back.
type Log struct{}

// Log gives back the line.
func (Log) Log(line string, reply *string) error {
	*reply = line
	return nil
}

func (p *peer) callback() error {
	id := p.broker.NextId()
	go p.broker.AcceptAndServe(id, Log{})
	var reply string
	if err := p.calls.Call("Plugin.Callback", id, &reply); err != nil {
		return err
	}
	if reply != bench.Text {
		return fmt.Errorf("the reply is %q", reply)
	}
	return nil
}

// transfer moves so many streams at once, of bytes each.
func (p *peer) transfer(count, bytes uint64, stream func(uint64) (bench.Digest, error)) (measured, error) {
	expected, err := bench.WritePattern(discard{}, bytes)
	if err != nil {
		return measured{}, err
	}
	start := time.Now()
	done := make(chan error, count)
	for range count {
		go func() {
			digest, err := stream(bytes)
			if err == nil && digest != expected {
				err = errors.New("a stream arrived otherwise than it was sent")
			}
			done <- err
		}()
	}
	for range count {
		if err := <-done; err != nil {
			return measured{}, err
		}
	}
	return measured{Ops: 1, Ns: time.Since(start).Nanoseconds(), Bytes: count * bytes}, nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func (p *peer) reader(bytes uint64) (bench.Digest, error) {
	id := p.broker.NextId()
	sent := make(chan error, 1)
	go func() {
		conn, err := p.broker.Accept(id)
		if err == nil {
			defer conn.Close()
			_, err = bench.WritePattern(conn, bytes)
		}
		sent <- err
	}()
	var digest bench.Digest
	err := p.calls.Call("Plugin.Read", id, &digest)
	return digest, errors.Join(err, <-sent)
}

func (p *peer) writer(bytes uint64) (bench.Digest, error) {
	args := bench.WriteArgs{Id: p.broker.NextId(), Bytes: bytes}
	var digest bench.Digest
	received := make(chan error, 1)
	go func() {
		conn, err := p.broker.Accept(args.Id)
		if err == nil {
			defer conn.Close()
			digest, err = bench.DigestOf(conn)
		}
		received <- err
	}()
	err := p.calls.Call("Plugin.Write", args, new(bench.Digest))
	return digest, errors.Join(err, <-received)
}

// pingPong measures small exchanges on one brokered stream; opening it is not
// timed.
func (p *peer) pingPong(limit time.Duration) (measured, error) {
	id := p.broker.NextId()
	called := make(chan error, 1)
	go func() { called <- p.calls.Call("Plugin.PingPong", id, new(uint64)) }()
	conn, err := p.broker.Accept(id)
	if err != nil {
		return measured{}, err
	}
	ops, elapsed, err := bench.PingPong(conn, limit)
	err = errors.Join(err, conn.Close(), <-called)
	return measured{Ops: ops, Ns: elapsed.Nanoseconds()}, err
}

// items sends so many items on one stream, of which the plugin makes one number.
func items[T any](p *peer, method string, count, expected, bytes uint64, item func(uint64) T) (measured, error) {
	start := time.Now()
	id := p.broker.NextId()
	sent := make(chan error, 1)
	go func() {
		conn, err := p.broker.Accept(id)
		if err == nil {
			defer conn.Close()
			err = bench.SendItems(conn, count, item)
		}
		sent <- err
	}()
	var reply uint64
	err := p.calls.Call("Plugin."+method, id, &reply)
	if err = errors.Join(err, <-sent); err == nil && reply != expected {
		err = fmt.Errorf("%s gave %d", method, reply)
	}
	return measured{Ops: count, Ns: time.Since(start).Nanoseconds(), Bytes: bytes}, err
}

// idle measures one caller beside n calls that wait.
func (p *peer) idle(n uint64, limit time.Duration) (measured, error) {
	done := make(chan error, n)
	if err := p.startWaiting(n, done); err != nil {
		return measured{}, err
	}
	busy, err := repeat(limit, p.echo)
	if err != nil {
		return busy, err
	}
	if err := p.calls.Call("Plugin.Release", uint64(0), new(uint64)); err != nil {
		return busy, err
	}
	for range n {
		if err := <-done; err != nil {
			return busy, err
		}
	}
	return busy, nil
}

// startWaiting adds n calls that wait at the plugin.
func (p *peer) startWaiting(n uint64, done chan<- error) error {
	var before uint64
	if err := p.calls.Call("Plugin.Waiting", uint64(0), &before); err != nil {
		return err
	}
	for number := range n {
		go func() {
			var reply uint64
			err := p.calls.Call("Plugin.Wait", number, &reply)
			if err == nil && reply != number {
				err = errors.New("the reply of another call")
			}
			done <- err
		}()
	}
	for {
		var waiting uint64
		if err := p.calls.Call("Plugin.Waiting", uint64(0), &waiting); err != nil {
			return err
		}
		if waiting >= before+n {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// holdStreams opens n streams that both sides keep.
func (r *rows) holdStreams(n uint64) error {
	p := r.peer
	type opened struct {
		conn net.Conn
		err  error
	}
	results := make(chan opened, n)
	// Below the 256 streams that yamux lets wait for their acceptance.
	places := make(chan struct{}, 64)
	for range n {
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			id := p.broker.NextId()
			called := make(chan error, 1)
			go func() { called <- p.calls.Call("Plugin.Hold", id, new(uint32)) }()
			conn, err := p.broker.Accept(id)
			results <- opened{conn, errors.Join(err, <-called)}
		}()
	}
	for range n {
		result := <-results
		if result.err != nil {
			return result.err
		}
		r.streams = append(r.streams, result.conn)
	}
	return nil
}

// reva makes one of the five calls of the reva-plugin-benchmark.
func (p *peer) reva(line line) (measured, error) {
	id := bench.UserID{Idp: "https://idp.example.org", OpaqueId: "00000000-0000-4000-8000-000000000040"}
	switch line.row {
	case "OnLoad":
		return repeatCall(p, line, bench.OnLoadArgs{File: line.file}, func(r *bench.OnLoadReply) bool {
			return r.Count == 50
		})
	case "GetUser":
		return repeatCall(p, line, bench.GetUserArgs{Id: id}, isUser40)
	case "GetUserByClaim":
		return repeatCall(p, line, bench.ClaimArgs{Claim: "mail", Value: "user40@example.org"}, isUser40)
	case "GetUserGroups":
		return repeatCall(p, line, bench.GetUserArgs{Id: id}, func(r *bench.GroupsReply) bool {
			return len(r.Groups) == 4
		})
	case "FindUser":
		return repeatCall(p, line, bench.FindArgs{Query: "user4"}, func(r *bench.FindReply) bool {
			return len(r.Users) == 11
		})
	default:
		return measured{}, fmt.Errorf("no row %q", line.row)
	}
}

func isUser40(r *bench.UserReply) bool { return r.User.Username == "user40" }

func repeatCall[A, R any](p *peer, line line, args A, right func(*R) bool) (measured, error) {
	return repeat(line.limit, func() error {
		var reply R
		if err := p.calls.Call("Plugin."+line.row, &args, &reply); err != nil {
			return err
		}
		if !right(&reply) {
			return fmt.Errorf("another reply: %+v", reply)
		}
		return nil
	})
}
