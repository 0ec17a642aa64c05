package main

import (
	"errors"
	"fmt"
	"time"

	"plugwire.test/interop/internal/kit"
)

// service is what a server offers as "Plugin".
type service struct {
	flavor flavor
	broker *broker
}

// Greet takes no argument, which net/rpc programs write as a nil interface.
func (s *service) Greet(_ interface{}, resp *string) error {
	*resp = "Hello from Go!"
	return nil
}

// Nothing answers as methods without a result do.
func (s *service) Nothing(_ interface{}, _ *interface{}) error { return nil }

// Empty answers as methods without a result do elsewhere.
func (s *service) Empty(_ interface{}, _ *struct{}) error { return nil }

// Fail answers with the error that its caller asks for.
func (s *service) Fail(msg string, _ *string) error { return errors.New(msg) }

// Describe reads a struct with everything in it and sends it back.
func (s *service) Describe(u kit.User, r *kit.Report) error {
	r.Summary = fmt.Sprintf("%s (%d) of %s", u.Name, u.Age, u.Address.City)
	r.User = u
	r.TagCount = len(u.Tags)
	for m := u.Manager; m != nil; m = m.Manager {
		r.Depth++
	}
	return nil
}

// Echo answers after a delay, so that replies overtake each other.
func (s *service) Echo(a kit.EchoArgs, r *kit.EchoReply) error {
	if a.DelayMicros > 0 {
		time.Sleep(time.Duration(a.DelayMicros) * time.Microsecond)
	}
	r.Seq, r.Payload = a.Seq, a.Payload
	return nil
}

// KindsOf gives a sample.
func (s *service) KindsOf(name string, k *Kinds) error {
	sample, ok := samples[name]
	if !ok {
		return fmt.Errorf("no sample %q", name)
	}
	*k = sample
	return nil
}

// KindsArgs says what a value should be.
type KindsArgs struct {
	Name  string
	Kinds Kinds
}

// CheckKinds says whether a sample arrived as it is here.
func (s *service) CheckKinds(a KindsArgs, ok *bool) error {
	*ok = true
	return same(a.Kinds, samples[a.Name])
}

// EchoKinds sends back what it reads.
func (s *service) EchoKinds(k Kinds, r *Kinds) error { *r = k; return nil }

// PartialOf gives a sample with its zeros left out.
func (s *service) PartialOf(name string, p *Partial) error { *p = partials[name]; return nil }

// PartialArgs says what a value should be.
type PartialArgs struct {
	Name  string
	Value Partial
}

// CheckPartial says whether a sample arrived as it is here.
func (s *service) CheckPartial(a PartialArgs, ok *bool) error {
	*ok = true
	return same(a.Value, partials[a.Name])
}

// EchoText sends back what it reads.
func (s *service) EchoText(t string, r *string) error { *r = t; return nil }

// EchoBytes sends back what it reads.
func (s *service) EchoBytes(b []byte, r *[]byte) error { *r = b; return nil }

// Text gives a string of that length.
func (s *service) Text(n int, r *string) error { *r = string(pattern(n, true)); return nil }

// Bytes gives as many bytes.
func (s *service) Bytes(n int, r *[]byte) error { *r = pattern(n, false); return nil }

// Loose gives values of mixed types.
func (s *service) Loose(_ interface{}, r *map[string]interface{}) error { *r = loose(); return nil }

// EchoLoose sends back what it reads.
func (s *service) EchoLoose(m map[string]interface{}, r *map[string]interface{}) error {
	*r = m
	return nil
}

// Moment gives a time.
func (s *service) Moment(n int, r *Stamped) error {
	*r = Stamped{At: moments[n], Label: "moment"}
	return nil
}

// EchoMoment sends back what it reads.
func (s *service) EchoMoment(m Stamped, r *Stamped) error { *r = m; return nil }

// TimesOf gives a time in each place.
func (s *service) TimesOf(n int, r *Times) error { *r = timesOf(timed()[n]); return nil }

// TimesArgs says which time it should be.
type TimesArgs struct {
	N     int
	Times Times
}

// CheckTimes says whether a time arrived in each place.
func (s *service) CheckTimes(a TimesArgs, ok *bool) error {
	*ok = true
	return a.Times.check(timed()[a.N])
}

// AddArgs goes to the caller's own Add.
type AddArgs = kit.AddArgs

// CallBack dials the caller's object and calls it, as Packer's plugins do with
// the Ui that they are given.
func (s *service) CallBack(id uint32, r *int) error {
	if s.broker == nil {
		return errors.New("there is no broker")
	}
	stream, err := s.broker.dial(id)
	if err != nil {
		return err
	}
	client := s.flavor.client(stream)
	defer client.Close()
	return client.Call("Plugin.Add", AddArgs{A: 2, B: 40}, r)
}
