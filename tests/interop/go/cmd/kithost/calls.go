package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"

	"plugwire.test/interop/internal/greeter"
	"plugwire.test/interop/internal/kit"
)

// absent is a plugin name that the host knows and no kit plugin serves.
const absent = "nosuch"

// greetOK is the shortest proof that a session still works.
func (s *session) greetOK() (string, error) {
	g, err := call[string](s.RPC, "Greet", new(interface{}))
	if err == nil && !strings.HasPrefix(g, "Hello from ") {
		err = fmt.Errorf("greeting %q", g)
	}
	return g, err
}

func ping(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	err = each(8, func(i int) error {
		for range 100 {
			if err := s.proto.Ping(); err != nil {
				return err
			}
			if _, err := s.greetOK(); err != nil {
				return err
			}
		}
		return nil
	})
	return "800 pings beside 800 calls", err
}

func greet(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	g, err := s.greetOK()
	if err != nil {
		return "", err
	}
	raw, err := s.proto.Dispense(greeter.Name)
	if err != nil {
		return "", err
	}
	plain, err := raw.(*greeter.Client).Greet()
	if err == nil && plain != "Hello!" {
		err = fmt.Errorf("greeter said %q", plain)
	}
	return g, err
}

func describe(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	bytes256 := make([]byte, 100_000)
	for i := range bytes256 {
		bytes256[i] = byte(i)
	}
	full := kit.User{
		Name: "Ada Łovelace ✓", Age: 36, Email: "ada@example.org",
		Tags: []string{"", "math", "poetry", strings.Repeat("long ", 1000)},
		Scores: map[string]float64{
			"": 0, "pi": math.Pi, "max": math.MaxFloat64, "tiny": math.SmallestNonzeroFloat64,
			"negative": -17.5, "inf": math.Inf(1), "-inf": math.Inf(-1),
		},
		Address: kit.Address{Street: "12 St James's Square", City: "London"},
		Avatar:  bytes256, Active: true, Id: math.MaxUint64,
	}
	boss := kit.User{Name: "Charles", Age: math.MaxInt64, Manager: &full, Id: 128, Avatar: []byte{0}}
	nested := full
	nested.Manager = &boss
	users := []struct {
		u       kit.User
		summary string
		depth   int
	}{
		{kit.User{}, " (0) of ", 0},
		{full, "Ada Łovelace ✓ (36) of London", 0},
		{nested, "Ada Łovelace ✓ (36) of London", 2},
		{boss, "Charles (9223372036854775807) of ", 1},
		{kit.User{Age: math.MinInt64}, " (-9223372036854775808) of ", 0},
		// A pointer to an empty struct is sent, unlike one to an empty number.
		{kit.User{Name: "x", Manager: &kit.User{}}, "x (0) of ", 1},
		{kit.User{Age: -1, Id: 1, Address: kit.Address{City: "C"}}, " (-1) of C", 0},
	}
	for i, t := range users {
		r, err := call[kit.Report](s.RPC, "Describe", t.u)
		if err != nil {
			return "", err
		}
		want := kit.Report{Summary: t.summary, User: t.u, Depth: t.depth, TagCount: len(t.u.Tags)}
		if !reflect.DeepEqual(r, want) {
			return "", fmt.Errorf("user %d: got %.500s\nwanted %.500s", i, fmt.Sprintf("%+v", r), fmt.Sprintf("%+v", want))
		}
	}
	return fmt.Sprintf("%d users", len(users)), nil
}

func serverError(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	texts := []string{"plain", "with \"quotes\", ünicode and\na newline", strings.Repeat("long", 50_000)}
	for _, text := range texts {
		_, err := call[string](s.RPC, "Fail", text)
		if err := wantError(err, text); err != nil {
			return "", err
		}
	}
	_, err = s.greetOK()
	return fmt.Sprintf("%d errors", len(texts)), err
}

// callError expects a call to fail and the next one, on the same client, to work.
func callError(e *env, method, text string) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	for range 2 {
		var r string
		if err := wantError(s.RPC.Call(method, "x", &r), text); err != nil {
			return "", err
		}
		if _, err := s.greetOK(); err != nil {
			return "", err
		}
	}
	return text, nil
}

func missingMethod(e *env) (string, error) {
	return callError(e, "Plugin.Hi", "rpc: can't find method Plugin.Hi")
}

func missingService(e *env) (string, error) {
	return callError(e, "Plugin2.Hi", "rpc: can't find service Plugin2.Hi")
}

func illFormed(e *env) (string, error) {
	return callError(e, "NoDot", "rpc: service/method request ill-formed: NoDot")
}

func unknownPlugin(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	text := "unknown plugin type: " + absent
	_, err = s.proto.Dispense(absent)
	if err := wantError(err, text); err != nil {
		return "", err
	}
	_, err = s.proto.Dispense("unheard-of")
	if err == nil || err.Error() != "unknown plugin type: unheard-of" {
		return "", fmt.Errorf("the host's own error was %v", err)
	}
	_, err = s.greetOK()
	return text, err
}

func badArgument(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	var text string
	for range 2 {
		_, err = call[kit.Report](s.RPC, "Describe", "not a user")
		if err == nil {
			return "", fmt.Errorf("Describe took a string")
		}
		if text = err.Error(); text == "Describe: " {
			return "", fmt.Errorf("the error has no text")
		}
		if _, err := s.greetOK(); err != nil {
			return "", fmt.Errorf("after %q: %w", text, err)
		}
	}
	r, err := call[kit.Report](s.RPC, "Describe", kit.User{Name: "x"})
	if err == nil && r.Summary != "x (0) of " {
		err = fmt.Errorf("afterwards Describe said %q", r.Summary)
	}
	return text, err
}

// echo makes one Echo call and checks the answer.
func (s *session) echo(a kit.EchoArgs) error {
	r, err := call[kit.EchoReply](s.RPC, "Echo", a)
	if err != nil {
		return err
	}
	if r.Seq != a.Seq || !bytes.Equal(r.Payload, a.Payload) {
		return fmt.Errorf("echo %d came back as %d, payload equal: %t", a.Seq, r.Seq, bytes.Equal(r.Payload, a.Payload))
	}
	return nil
}

func concurrent(e *env) (string, error) {
	const calls, workers = 10_000, 64
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	var next atomic.Int64
	err = each(workers, func(w int) error {
		rnd := rand.New(rand.NewPCG(uint64(w), 1))
		for {
			seq := int(next.Add(1)) - 1
			if seq >= calls {
				return nil
			}
			payload := make([]byte, rnd.IntN(2000))
			for i := range payload {
				payload[i] = byte(rnd.Uint32())
			}
			a := kit.EchoArgs{Seq: seq, Payload: fmt.Appendf(payload, "#%d", seq)}
			if rnd.IntN(2) == 0 {
				a.DelayMicros = rnd.IntN(501)
			}
			if err := s.echo(a); err != nil {
				return err
			}
		}
	})
	return fmt.Sprintf("%d calls, %d at a time", calls, workers), err
}
