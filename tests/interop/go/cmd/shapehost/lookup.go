package main

import (
	"errors"
	"time"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/people"
	"plugwire.test/interop/internal/shapes"
)

func dispenseLookup(session plugin.ClientProtocol) (*shapes.LookupClient, error) {
	raw, err := session.Dispense("lookup")
	if err != nil {
		return nil, err
	}
	return raw.(*shapes.LookupClient), nil
}

// optional has arguments and replies that may be absent, and zeros that are not.
func optional(session plugin.ClientProtocol) error {
	c, err := dispenseLookup(session)
	if err != nil {
		return err
	}
	var errs []error
	for _, size := range []struct {
		key  shapes.MaybeString
		want shapes.MaybeInt
	}{
		{shapes.MaybeString{A: "7", B: true}, shapes.MaybeInt{A: 7, B: true}},
		{shapes.MaybeString{A: "0", B: true}, shapes.MaybeInt{A: 0, B: true}},
		{shapes.MaybeString{A: "", B: true}, shapes.MaybeInt{}},
		{shapes.MaybeString{}, shapes.MaybeInt{A: -1, B: true}},
	} {
		got, err := c.Size(size.key)
		errs = append(errs, wrong("Size", err, got, size.want))
	}
	ann, annErr := c.Owner("of Ann")
	zero, zeroErr := c.Owner("of ")
	none, noneErr := c.Owner("")
	return errors.Join(append(errs,
		wrong("Owner", annErr, ann, shapes.MaybePerson{A: &people.Person{Name: "Ann"}}),
		wrong("Owner without a name", zeroErr, zero, shapes.MaybePerson{A: &people.Person{}}),
		wrong("Owner of none", noneErr, none, shapes.MaybePerson{}),
	)...)
}

// unmodelled has the plugin pass on what it does not know, changed or not.
func unmodelled(session plugin.ClientProtocol) error {
	c, err := dispenseLookup(session)
	if err != nil {
		return err
	}
	parcel := func(age int, wait time.Duration) shapes.Parcel {
		return shapes.Parcel{
			Payload: people.Person{Name: "Ann", Age: age},
			Held:    &people.Person{Name: "Bob", Age: age},
			Wait:    wait,
		}
	}
	var errs []error
	for range 3 {
		passed, err := c.Pass(parcel(0, time.Second))
		errs = append(errs, wrong("Pass", err, passed, parcel(0, time.Second)))
		aged, err := c.Age(parcel(0, time.Second))
		errs = append(errs, wrong("Age", err, aged, parcel(1, 2*time.Second)))
	}
	return errors.Join(errs...)
}
