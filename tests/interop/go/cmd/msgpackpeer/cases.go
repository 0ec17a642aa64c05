package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/rpc"
	"sync"
	"time"

	"plugwire.test/interop/internal/kit"
)

// env is what a case works with.
type env struct {
	flavor flavor
	broker *broker
	rpc    *rpc.Client
}

type testCase struct {
	name string
	run  func(*env) error
	only func(*env) bool
}

func inMsgpack(e *env) bool { return e.flavor.msgpack() }
func overMux(e *env) bool   { return e.broker != nil }

var cases = []testCase{
	{name: "greet", run: greet},
	{name: "errors", run: serverErrors},
	{name: "bad_argument", run: badArgument},
	{name: "describe", run: describe},
	{name: "kinds", run: kinds},
	{name: "sizes", run: sizes},
	{name: "large", run: large},
	{name: "concurrent", run: concurrent},
	{name: "maps", run: maps},
	{name: "partial", run: partial, only: inMsgpack},
	{name: "loose", run: looseValues, only: inMsgpack},
	{name: "moments", run: times, only: inMsgpack},
	{name: "times", run: timesUnderstood, only: inMsgpack},
	{name: "callback", run: callback, only: overMux},
}

// call fails when no reply comes.
func (e *env) call(method string, argument, reply interface{}) error {
	select {
	case done := <-e.rpc.Go(method, argument, reply, make(chan *rpc.Call, 1)).Done:
		if done.Error != nil {
			return fmt.Errorf("%s: %w", method, done.Error)
		}
		return nil
	case <-time.After(30 * time.Second):
		return fmt.Errorf("%s: no answer", method)
	}
}

// fails expects an error of the server with exactly this text.
func (e *env) fails(method string, argument interface{}, text string) error {
	var reply string
	err := e.call(method, argument, &reply)
	var server rpc.ServerError
	if !errors.As(err, &server) {
		return fmt.Errorf("%s: %v, not an error of the server", method, err)
	}
	if text != "" && string(server) != text {
		return fmt.Errorf("%s: %q, not %q", method, server, text)
	}
	return greet(e)
}

func greet(e *env) error {
	var greeting string
	if err := e.call("Plugin.Greet", new(interface{}), &greeting); err != nil {
		return err
	}
	if greeting != "Hello from Rust!" {
		return fmt.Errorf("greeted with %q", greeting)
	}
	var nothing interface{}
	if err := e.call("Plugin.Nothing", new(interface{}), &nothing); err != nil {
		return err
	}
	return e.call("Plugin.Empty", new(interface{}), &struct{}{})
}

func serverErrors(e *env) error {
	for _, text := range []string{"not today", "ünïcode\nin two lines", string(pattern(300, true))} {
		if err := e.fails("Plugin.Fail", text, text); err != nil {
			return err
		}
	}
	if err := e.fails("Plugin.Hi", new(interface{}), "rpc: can't find method Plugin.Hi"); err != nil {
		return err
	}
	// A body of some size is skipped.
	if err := e.fails("Plugin.Hi", samples["one"], "rpc: can't find method Plugin.Hi"); err != nil {
		return err
	}
	if err := e.fails("Plugin2.Hi", new(interface{}), "rpc: can't find service Plugin2.Hi"); err != nil {
		return err
	}
	return e.fails("NoDot", new(interface{}), "rpc: service/method request ill-formed: NoDot")
}

func badArgument(e *env) error {
	if err := e.fails("Plugin.Describe", "a string", ""); err != nil {
		return err
	}
	return e.fails("Plugin.Text", samples["one"], "")
}

func describe(e *env) error {
	user := kit.User{
		Name: "Ada", Age: 36, Email: "ada@example.org", Tags: []string{"math", "poetry", "ünïcode"},
		Scores:  map[string]float64{"a": 0.5, "b": -1e300, "z": 0},
		Address: kit.Address{Street: "St James's Square", City: "London"},
		Manager: &kit.User{Name: "Alan", Tags: []string{"", "x"}, Manager: &kit.User{Name: "Grace", Age: -1}},
		Avatar:  pattern(256, false), Active: true, Id: 1<<64 - 1,
	}
	for _, u := range []kit.User{user, {}} {
		var report kit.Report
		if err := e.call("Plugin.Describe", u, &report); err != nil {
			return err
		}
		want := kit.Report{
			Summary: fmt.Sprintf("%s (%d) of %s", u.Name, u.Age, u.Address.City),
			User:    u, TagCount: len(u.Tags),
		}
		for m := u.Manager; m != nil; m = m.Manager {
			want.Depth++
		}
		if err := same(report, want); err != nil {
			return err
		}
	}
	return nil
}

func kinds(e *env) error {
	for name, sample := range samples {
		var got, back Kinds
		if err := e.call("Plugin.KindsOf", name, &got); err != nil {
			return err
		}
		if err := same(got, sample); err != nil {
			return fmt.Errorf("%s here: %w", name, err)
		}
		var ok bool
		if err := e.call("Plugin.CheckKinds", KindsArgs{Name: name, Kinds: sample}, &ok); err != nil || !ok {
			return fmt.Errorf("%s there: %v, %w", name, ok, err)
		}
		if err := e.call("Plugin.EchoKinds", sample, &back); err != nil {
			return err
		}
		if err := same(back, sample); err != nil {
			return fmt.Errorf("%s back: %w", name, err)
		}
	}
	return nil
}

func sizes(e *env) error {
	for _, n := range []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536} {
		var text string
		if err := e.call("Plugin.EchoText", string(pattern(n, true)), &text); err != nil {
			return err
		}
		if text != string(pattern(n, true)) {
			return fmt.Errorf("a text of %d came back as one of %d", n, len(text))
		}
		for _, method := range []string{"Plugin.EchoBytes", "Plugin.Bytes"} {
			var argument interface{} = pattern(n, false)
			if method == "Plugin.Bytes" {
				argument = n
			}
			var b []byte
			if err := e.call(method, argument, &b); err != nil {
				return err
			}
			if !bytes.Equal(b, pattern(n, false)) {
				return fmt.Errorf("%s: %d bytes came back as %d", method, n, len(b))
			}
		}
	}
	b := []byte("something")
	if err := e.call("Plugin.EchoBytes", []byte(nil), &b); err != nil {
		return err
	}
	return nil
}

func large(e *env) error {
	sent := pattern(8<<20, false)
	var back []byte
	if err := e.call("Plugin.EchoBytes", sent, &back); err != nil {
		return err
	}
	if !bytes.Equal(back, sent) {
		return errors.New("other bytes came back")
	}
	return nil
}

func concurrent(e *env) error {
	var wg sync.WaitGroup
	next := make(chan int)
	failed := make(chan error, 32)
	for range 32 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for seq := range next {
				a := kit.EchoArgs{Seq: seq, Payload: pattern(seq%400, false), DelayMicros: seq % 7 * 50}
				var r kit.EchoReply
				err := e.call("Plugin.Echo", a, &r)
				if err == nil {
					err = same(r, kit.EchoReply{Seq: a.Seq, Payload: a.Payload})
				}
				if err != nil {
					select {
					case failed <- fmt.Errorf("call %d: %w", seq, err):
					default:
					}
				}
			}
		}()
	}
	for seq := range 2000 {
		next <- seq
	}
	close(next)
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func partial(e *env) error {
	for name, sample := range partials {
		var got Partial
		if err := e.call("Plugin.PartialOf", name, &got); err != nil {
			return err
		}
		if err := same(got, sample); err != nil {
			return fmt.Errorf("%s here: %w", name, err)
		}
		var ok bool
		if err := e.call("Plugin.CheckPartial", PartialArgs{Name: name, Value: sample}, &ok); err != nil || !ok {
			return fmt.Errorf("%s there: %v, %w", name, ok, err)
		}
	}
	return nil
}

// looseValues compares as text: what a number or a string becomes in an
// interface{} depends on the flavor's options, on both ends in Go too.
func looseValues(e *env) error {
	var there, back map[string]interface{}
	if err := e.call("Plugin.Loose", new(interface{}), &there); err != nil {
		return err
	}
	if err := e.call("Plugin.EchoLoose", loose(), &back); err != nil {
		return err
	}
	want := show(loose())
	if got := show(there); got != want {
		return fmt.Errorf("%s, not %s", got, want)
	}
	if got := show(back); got != want {
		return fmt.Errorf("%s came back for %s", got, want)
	}
	return nil
}

// times need not be understood to be carried.
func times(e *env) error {
	for _, at := range append(moments, time.Time{}) {
		var back Stamped
		if err := e.call("Plugin.EchoMoment", Stamped{At: at, Label: "x"}, &back); err != nil {
			return err
		}
		if !back.At.Equal(at) {
			return fmt.Errorf("%v came back as %v", at, back.At)
		}
	}
	return nil
}

// timesUnderstood has the server read times and write them.
func timesUnderstood(e *env) error {
	for n, at := range timed() {
		var ok bool
		if err := e.call("Plugin.CheckTimes", TimesArgs{N: n, Times: timesOf(at)}, &ok); err != nil || !ok {
			return fmt.Errorf("%v there: %v, %w", at, ok, err)
		}
		var got Times
		if err := e.call("Plugin.TimesOf", n, &got); err != nil {
			return err
		}
		if err := got.check(at); err != nil {
			return fmt.Errorf("here: %w", err)
		}
	}
	// A time that cannot be one fails its call and no other.
	if err := e.fails("Plugin.CheckTimes", map[string]interface{}{
		"N": 0, "Times": map[string]interface{}{"At": "yesterday"},
	}, ""); err != nil {
		return err
	}
	return nil
}

// adder is the object that the server calls back.
type adder struct{}

// Add adds.
func (adder) Add(a AddArgs, sum *int) error { *sum = a.A + a.B; return nil }

func callback(e *env) error {
	id := e.broker.nextID()
	go func() {
		stream, err := e.broker.accept(id)
		if err != nil {
			return
		}
		server := rpc.NewServer()
		if err := server.RegisterName("Plugin", adder{}); err != nil {
			return
		}
		e.flavor.serve(server, stream)
	}()
	var sum int
	if err := e.call("Plugin.CallBack", id, &sum); err != nil {
		return err
	}
	if sum != 42 {
		return fmt.Errorf("the sum is %d", sum)
	}
	return nil
}
