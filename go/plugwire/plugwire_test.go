package plugwire

import (
	"context"
	"encoding/gob"
	"errors"
	"io"
	"net"
	"net/rpc"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
)

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

type HangArgs struct {
	Context
	Name string
}

type service struct {
	Server
	begun, ended chan string
}

func newService() *service {
	return &service{begun: make(chan string, 100), ended: make(chan string, 100)}
}

func (s *service) Hang(args *HangArgs, _ *struct{}) error {
	s.begun <- args.Name
	<-args.Ctx().Done()
	s.ended <- args.Name
	return args.Ctx().Err()
}

type Seen struct {
	Left  int64
	Trace string
}

func (s *service) Seen(args HangArgs, seen *Seen) error {
	seen.Trace = Traceparent(args.Ctx())
	if deadline, ok := args.Ctx().Deadline(); ok {
		seen.Left = int64(time.Until(deadline))
	}
	return nil
}

func (s *service) Echo(text string, reply *string) error {
	*reply = text
	return nil
}

func (s *service) Fail(string, *string) error { return errors.New("not today") }

func pair(t *testing.T) (*service, *calls) {
	t.Helper()
	here, there := net.Pipe()
	s := newService()
	go ServeConn(there, s)
	c := newCalls(here)
	t.Cleanup(func() { here.Close() })
	return s, c
}

func get[T any](t *testing.T, from chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestACallGetsItsReply(t *testing.T) {
	_, c := pair(t)
	var reply string
	if err := c.call(context.Background(), "Plugin.Echo", "x", &reply); err != nil || reply != "x" {
		t.Fatal(reply, err)
	}
	err := c.call(context.Background(), "Plugin.Fail", "x", &reply)
	if _, ok := err.(rpc.ServerError); !ok || err.Error() != "not today" {
		t.Fatal(err)
	}
	// One whose reply does not decode fails alone.
	var number int
	if err := c.call(context.Background(), "Plugin.Echo", "x", &number); err == nil {
		t.Fatal("a text is no number")
	}
	if err := c.call(context.Background(), "Plugin.Echo", "y", &reply); err != nil || reply != "y" {
		t.Fatal(reply, err)
	}
}

func TestACancelEndsTheContextAndItsReplyIsNotSent(t *testing.T) {
	s, c := pair(t)
	for range 1000 {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.call(ctx, "Plugin.Hang", HangArgs{Name: "x"}, &struct{}{}) }()
		get(t, s.begun)
		cancel()
		if err := get(t, done); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		get(t, s.ended)
	}
	var reply string
	if err := c.call(context.Background(), "Plugin.Echo", "x", &reply); err != nil || reply != "x" {
		t.Fatal(reply, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) != 0 {
		t.Fatal(len(c.waiting), "calls wait")
	}
}

// request reads what a client sent.
func request(t *testing.T, g gobs) header {
	t.Helper()
	var h header
	if err := g.dec.Decode(&h); err != nil {
		t.Fatal(err)
	}
	if err := g.skip(); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestAReplyThatNoOneWaitsForIsReadWhateverItIs has a peer answer calls that no one waits
// for, with values that gob does not skip well.
func TestAReplyThatNoOneWaitsForIsReadWhateverItIs(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	c := newCalls(here)
	peer := newGobs(there)
	for _, reply := range []any{new(any), 7, "x", struct{}{}, Seen{Left: 1}, []any{nil, nil}} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.call(ctx, "Plugin.Hang", struct{}{}, new(any)) }()
		hang := request(t, peer)
		cancel()
		get(t, done)
		if h := request(t, peer); h.PlugwireCancel != hang.Seq || h.ServiceMethod != "plugwire.Cancel" {
			t.Fatal(h)
		}
		if err := peer.write(rpc.Response{Seq: hang.Seq}, reply); err != nil {
			t.Fatal(err)
		}
		var text string
		go func() { done <- c.call(context.Background(), "Plugin.Echo", "y", &text) }()
		if err := peer.write(rpc.Response{Seq: request(t, peer).Seq}, "y"); err != nil {
			t.Fatal(err)
		}
		if err := get(t, done); err != nil || text != "y" {
			t.Fatal(text, err)
		}
	}
}

func TestACancelIsSentThoughTheClientIsClosed(t *testing.T) {
	here, there := net.Pipe()
	c := newCalls(here)
	peer := newGobs(there)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.call(ctx, "Plugin.Hang", struct{}{}, new(any)) }()
	hang := request(t, peer)
	cancel()
	get(t, done)
	c.close()
	if err := c.call(context.Background(), "Plugin.Echo", "x", new(any)); err != rpc.ErrShutdown {
		t.Fatal(err)
	}
	if h := request(t, peer); h.PlugwireCancel != hang.Seq {
		t.Fatal(h)
	}
	if err := peer.dec.Decode(new(header)); err != io.EOF {
		t.Fatal(err)
	}
}

func TestDeadlineAndTraceTravel(t *testing.T) {
	s, c := pair(t)
	var seen Seen
	ctx, cancel := context.WithTimeout(WithTraceparent(context.Background(), trace), time.Hour)
	defer cancel()
	if err := c.call(ctx, "Plugin.Seen", HangArgs{Name: "x"}, &seen); err != nil {
		t.Fatal(err)
	}
	if seen.Trace != trace || seen.Left <= 0 || seen.Left > int64(time.Hour) {
		t.Fatal(seen)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := c.call(ctx, "Plugin.Hang", HangArgs{Name: "x"}, &struct{}{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	get(t, s.ended)
}

func TestTheEndOfTheConnectionEndsContextsAndCalls(t *testing.T) {
	s, c := pair(t)
	done := make(chan error, 1)
	go func() {
		done <- c.call(context.Background(), "Plugin.Hang", HangArgs{Name: "x"}, &struct{}{})
	}()
	get(t, s.begun)
	c.conn.Close()
	if err := get(t, done); err == nil {
		t.Fatal("there is no reply")
	}
	get(t, s.ended)
	err := c.call(context.Background(), "Plugin.Echo", "x", new(string))
	if !errors.Is(err, rpc.ErrShutdown) {
		t.Fatal(err)
	}
}

// TestForgedHeaders sends what no client sends.
func TestForgedHeaders(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	s := newService()
	go ServeConn(there, s)
	g := newGobs(here)
	send := func(h header, body any) {
		t.Helper()
		if err := g.write(h, body); err != nil {
			t.Fatal(err)
		}
	}
	send(header{ServiceMethod: "Plugin.Hang", Seq: 5}, HangArgs{Name: "x"})
	get(t, s.begun)
	for _, seq := range []uint64{0, 4, 6, 1<<64 - 1} {
		send(header{ServiceMethod: cancel, Seq: 5, PlugwireCancel: seq}, struct{}{})
	}
	read := func() (r rpc.Response, seen Seen) {
		t.Helper()
		if err := g.dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		var body any = &seen
		if r.Error != "" {
			body = nil
		}
		if err := g.dec.Decode(body); err != nil {
			t.Fatal(err)
		}
		return r, seen
	}
	for _, deadline := range []int64{-1, -1 << 63, 1, 1<<63 - 1} {
		h := header{ServiceMethod: "Plugin.Seen", Seq: 6, PlugwireDeadline: deadline, PlugwireTrace: "a\nb"}
		send(h, HangArgs{Name: "x"})
		r, seen := read()
		if r.Seq != 6 || r.Error != "" || seen.Trace != "" || (deadline < 1000) != (seen.Left <= 0) {
			t.Fatal(r, seen)
		}
	}
	if len(s.ended) != 0 {
		t.Fatal("the call was ended")
	}
	// A second call of its number: the context of the first ends.
	send(header{ServiceMethod: "Plugin.Hang", Seq: 5}, HangArgs{Name: "y"})
	if name := get(t, s.ended); name != "x" {
		t.Fatal(name)
	}
}

func TestGoPluginsPeersAreServedAsBefore(t *testing.T) {
	here, there := net.Pipe()
	server := rpc.NewServer()
	if err := server.RegisterName("Plugin", newService()); err != nil {
		t.Fatal(err)
	}
	go server.ServeConn(there)
	c := rpc.NewClient(here)
	defer c.Close()
	client, err := NewClient(nil, c)
	if err != nil || client.calls != nil {
		t.Fatal(client, err)
	}
	var seen Seen
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := client.Call(ctx, "Plugin.Seen", HangArgs{Name: "x"}, &seen); err != nil {
		t.Fatal(err)
	}
	if (seen != Seen{}) {
		t.Fatal(seen)
	}
}

func TestTheHeaderIsGosWhereThereIsNoMoreToSay(t *testing.T) {
	fields := func(v any) (values []byte) {
		r, w := io.Pipe()
		go func() {
			enc := gob.NewEncoder(w)
			enc.Encode(v)
			enc.Encode(v)
			w.Close()
		}()
		all, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		// The second value has no definition in front.
		return all[len(all)-16:]
	}
	ours := fields(header{ServiceMethod: "Plugin.Echo", Seq: 3})
	gos := fields(rpc.Request{ServiceMethod: "Plugin.Echo", Seq: 3})
	if string(ours) != string(gos) {
		t.Fatalf("%x %x", ours, gos)
	}
}

func TestOffers(t *testing.T) {
	handshake := plugin.HandshakeConfig{MagicCookieKey: "K", MagicCookieValue: "v;x"}
	for text, want := range map[string]bool{
		"K=v;x;calls,calls=asked": true,
		"K=v;x;calls=asked":       true,
		"K=v;x;calls":             false,
		"K=v;calls=asked":         false,
		"L=v;x;calls=asked":       false,
		"calls=asked":             false,
		"":                        false,
	} {
		if offers(text, handshake) != want {
			t.Error(text)
		}
	}
	for line, want := range map[string]string{
		"1|1|unix|/s|netrpc|\n":          "1|1|unix|/s|netrpc|||plugwire=calls=asked\n",
		"1|1|unix|/s|netrpc||true\n":     "1|1|unix|/s|netrpc||true|plugwire=calls=asked\n",
		"1|1|unix|/s|netrpc|CERT|true\n": "1|1|unix|/s|netrpc|CERT|true|plugwire=calls=asked\n",
	} {
		if got := extend(line); got != want {
			t.Error(got)
		}
	}
}

func TestTraces(t *testing.T) {
	for _, text := range []string{"", "a b", "a\n", "\u00e9", strings.Repeat("0", 257)} {
		if Traceparent(WithTraceparent(context.Background(), text)) != "" {
			t.Errorf("%q", text)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	_, c := pair(t)
	var all sync.WaitGroup
	for range 64 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 100 {
				var reply string
				err := c.call(context.Background(), "Plugin.Echo", "x", &reply)
				if err != nil || reply != "x" {
					t.Error(reply, err)
				}
			}
		}()
	}
	all.Wait()
}
