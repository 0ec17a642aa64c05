package main

import (
	"encoding/gob"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/shapes"
)

func dispenseEvents(session plugin.ClientProtocol) (*shapes.EventsClient, error) {
	raw, err := session.Dispense("events")
	if err != nil {
		return nil, err
	}
	return raw.(*shapes.EventsClient), nil
}

// itemsReceived are those that the plugin sends.
func itemsReceived(session plugin.ClientProtocol) error {
	c, err := dispenseEvents(session)
	if err != nil {
		return err
	}
	for _, count := range []int64{0, 1, 100_000} {
		var next int64
		err := c.Watch(count, func(e shapes.Event) error {
			if want := (shapes.Event{Name: "tick", Count: next}); e != want {
				return fmt.Errorf("%#v, wanted %#v", e, want)
			}
			next++
			return nil
		})
		if err := wrong("Watch", err, next, count); err != nil {
			return err
		}
	}
	return nil
}

// itemsSent are those that the host sends.
func itemsSent(session plugin.ClientProtocol) error {
	c, err := dispenseEvents(session)
	if err != nil {
		return err
	}
	ticks := func(count int64, end error) func(*gob.Encoder) error {
		return func(items *gob.Encoder) error {
			for i := range count {
				if err := items.Encode(shapes.Event{Name: "tick", Count: i}); err != nil {
					return err
				}
			}
			return end
		}
	}
	sum, err := c.Collect(ticks(100_000, nil))
	_, failed := c.Collect(ticks(3, errors.New("no more ink")))
	_, bad := c.Collect(func(items *gob.Encoder) error { return items.Encode("no event") })
	// An error in the struct of the items.
	_, inItem := c.Collect(func(items *gob.Encoder) error {
		items.Encode(shapes.Event{Name: "tick", Count: 1})
		return items.Encode(shapes.Event{StreamError: "no more ink"})
	})
	if bad == nil || !strings.Contains(bad.Error(), "item 1 of the stream") {
		return fmt.Errorf("Collect of another type: %v", bad)
	}
	return errors.Join(
		wrong("Collect", err, sum, int64(4_999_950_000)),
		refused("Collect", failed, "no more ink"),
		refused("Collect", inItem, "no more ink"),
	)
}

// itemsBothWays has a number wait for the answer to the one before.
func itemsBothWays(session plugin.ClientProtocol) error {
	c, err := dispenseEvents(session)
	if err != nil {
		return err
	}
	var numbers, want []int64
	for i := range int64(1_000) {
		numbers, want = append(numbers, i), append(want, 2*i)
	}
	got, err := c.Double(numbers)
	return wrong("Double", err, got, want)
}

// itemsFail gives the error of the plugin behind its items.
func itemsFail(session plugin.ClientProtocol) error {
	c, err := dispenseEvents(session)
	if err != nil {
		return err
	}
	var count int64
	failed := c.Fail(3, func(shapes.Event) error { count++; return nil })
	plain, unawares := c.FailUnawares(3)
	if unawares == nil || !strings.Contains(unawares.Error(), "type mismatch") {
		return fmt.Errorf("a receiver that does not know of errors got %v", unawares)
	}
	return errors.Join(
		refused("Fail", failed, "no more paper"),
		wrong("Fail", nil, count, int64(3)),
		wrong("Fail", nil, plain, int64(3)),
	)
}

// itemsStopped closes a stream that has no end.
func itemsStopped(session plugin.ClientProtocol) error {
	c, err := dispenseEvents(session)
	if err != nil {
		return err
	}
	enough := errors.New("enough")
	err = c.Endless(func(n int64) error {
		if n == 1_000 {
			return enough
		}
		return nil
	})
	if err != enough {
		return fmt.Errorf("Endless: %v", err)
	}
	return c.Stopped()
}
