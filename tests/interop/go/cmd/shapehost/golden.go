package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/shapes"
)

// golden is a conversation that tests/interop/golden.rs has with a host in Rust,
// one step after the other, so that each side says the same every time.
func golden(session plugin.ClientProtocol) error {
	// A host in Rust pings once, to see that the plugin answers.
	if err := session.Ping(); err != nil {
		return err
	}
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	if err := c.Put("a", 2, &adder{}); err != nil {
		return err
	}
	count, err := c.Get("a")
	if err := wrong("Get", err, count, int64(2)); err != nil {
		return err
	}
	if _, err := c.Get("none"); err == nil || err.Error() != "no such key: none" {
		return fmt.Errorf("Get of no key: %v", err)
	}
	count, err = c.Get("a")
	if err := wrong("Get", err, count, int64(2)); err != nil {
		return err
	}
	n, err := c.Import("b", strings.NewReader("some bytes"))
	if err := wrong("Import", err, n, uint64(10)); err != nil {
		return err
	}
	var out bytes.Buffer
	err = c.Export(&out)
	if err := wrong("Export", err, out.String(), "a 2\nb 10\n"); err != nil {
		return err
	}

	raw, err := session.Dispense("vault")
	if err != nil {
		return err
	}
	_, err = raw.(*shapes.VaultClient).Get("locked")
	if err == nil || err.Error() != "locked is locked for 30 s" {
		return fmt.Errorf("Get of what is locked: %v", err)
	}

	e, err := dispenseEvents(session)
	if err != nil {
		return err
	}
	doubled, err := e.Double([]int64{1, 2, 3})
	if err := errors.Join(err, check(doubled)); err != nil {
		return err
	}
	e.GiveUp()
	err = e.Fail(0, func(shapes.Event) error { return nil })
	if err == nil || err.Error() != "no more paper" {
		return fmt.Errorf("Fail: %v", err)
	}
	return nil
}

func check(doubled []int64) error {
	if want := []int64{2, 4, 6}; !slices.Equal(doubled, want) {
		return fmt.Errorf("Double gave %v, wanted %v", doubled, want)
	}
	return nil
}
