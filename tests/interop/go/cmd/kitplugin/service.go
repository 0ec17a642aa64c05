package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/kit"
)

// service is what a dispense serves as "Plugin".
type service struct {
	broker *plugin.MuxBroker
}

func newService(b *plugin.MuxBroker) interface{} { return &service{broker: b} }

// Greet takes no argument, which net/rpc plugins write as a nil interface.
func (s *service) Greet(_ interface{}, resp *string) error {
	*resp = "Hello from Go!"
	return nil
}

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

// Fail answers with the error the host asks for.
func (s *service) Fail(msg string, _ *string) error { return errors.New(msg) }

// BlockThread answers after a delay too. In Rust it holds a thread of the runtime meanwhile.
func (s *service) BlockThread(millis uint64, r *uint64) error {
	time.Sleep(time.Duration(millis) * time.Millisecond)
	*r = millis
	return nil
}

// Echo answers after a delay, so that replies overtake each other.
func (s *service) Echo(a kit.EchoArgs, r *kit.EchoReply) error {
	if a.DelayMicros > 0 {
		time.Sleep(time.Duration(a.DelayMicros) * time.Microsecond)
	}
	r.Seq = a.Seq
	r.Payload = a.Payload
	return nil
}
