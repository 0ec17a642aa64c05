package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/shapes"
)

// wrong compares what came with what should have, and tells of an error first.
func wrong(what string, err error, got, want interface{}) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s gave %#v, wanted %#v", what, got, want)
	}
	return nil
}

// refused wants an error of this text.
func refused(what string, err error, text string) error {
	if err == nil || err.Error() != text {
		return fmt.Errorf("%s: error %v, wanted %q", what, err, text)
	}
	return nil
}

type adder struct{ calls int }

func (a *adder) Add(x, y int64) (int64, error) {
	a.calls++
	if y < 0 {
		return 0, errors.New("only upward")
	}
	return x + y, nil
}

func greeter(session plugin.ClientProtocol) error {
	raw, err := session.Dispense("greeter")
	if err != nil {
		return err
	}
	got, err := raw.(shapes.Greeter).Greet()
	return wrong("Greet", err, got, "Hello!")
}

func kv(session plugin.ClientProtocol) error {
	raw, err := session.Dispense("kv")
	if err != nil {
		return err
	}
	kv := raw.(shapes.KV)
	put := kv.Put("a", []byte("one"))
	value, getErr := kv.Get("a")
	size, sizeErr := kv.Size("a")
	none, noneErr := kv.Size("b")
	tagged, tagErr := kv.Tag("a", []string{"x", "y"}, 3)
	_, missing := kv.Get("b")
	return errors.Join(
		wrong("Put", put, nil, nil),
		wrong("Get", getErr, value, []byte("one")),
		wrong("Size", sizeErr, size, 3),
		wrong("Size of none", noneErr, none, nil),
		wrong("Tag", tagErr, tagged, "a: x,y x3"),
		refused("Get of none", missing, "no such key: b"),
	)
}

func dispenseCounter(session plugin.ClientProtocol) (*shapes.CounterClient, error) {
	raw, err := session.Dispense("counter")
	if err != nil {
		return nil, err
	}
	return raw.(*shapes.CounterClient), nil
}

func counter(session plugin.ClientProtocol) error {
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	sum := &adder{}
	for _, by := range []int64{2, 40} {
		if err := c.Put("a", by, sum); err != nil {
			return err
		}
	}
	got, err := c.Get("a")
	return errors.Join(
		wrong("Get", err, got, int64(42)),
		wrong("calls of Add", nil, sum.calls, 2),
		refused("Put", c.Put("a", -1, sum), "only upward"),
	)
}

// pulledWriter has the plugin write more than a reader takes at once, and drop
// its writer, while the host goes on writing requests to it.
func pulledWriter(session plugin.ClientProtocol) error {
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	key := strings.Repeat("k", 200_000)
	if err := c.Put(key, 1, &adder{}); err != nil {
		return err
	}
	times, err := rounds(200)
	if err != nil {
		return err
	}
	for round := range times {
		var out bytes.Buffer
		err := c.ExportPulled(&out)
		if err := wrong(fmt.Sprintf("round %d", round), err, out.Len(), len(key)+len(" 1\n")); err != nil {
			return err
		}
	}
	return nil
}

func streams(session plugin.ClientProtocol) error {
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	// Beyond any window.
	n, err := c.Import("big", io.LimitReader(zeros{}, 8<<20))
	if err := wrong("Import", err, n, uint64(8<<20)); err != nil {
		return err
	}
	n, err = c.Import("small", strings.NewReader("12345"))
	if err := wrong("Import", err, n, uint64(5)); err != nil {
		return err
	}
	var out bytes.Buffer
	err = c.Export(&out)
	if err := wrong("Export", err, out.String(), "big 8388608\nsmall 5\n"); err != nil {
		return err
	}
	r, err := c.Open("small")
	if err != nil {
		return err
	}
	defer r.Close()
	digits, err := io.ReadAll(r)
	return wrong("Open", err, string(digits), "5")
}

// brokenReader wants an error after a part of the data, and no end of file.
func brokenReader(session plugin.ClientProtocol) error {
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	for range 20 {
		r, err := c.Open("broken")
		if err != nil {
			return err
		}
		part, err := io.ReadAll(r)
		r.Close()
		if err := refused("Read", err, "connection reset"); err != nil {
			return fmt.Errorf("%w, after %d bytes", err, len(part))
		}
	}
	// The session is as it was.
	c.Put("a", 7, &adder{})
	got, err := c.Get("a")
	return wrong("Get", err, got, int64(7))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func returned(session plugin.ClientProtocol) error {
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	watch, err := c.Watch("a")
	if err != nil {
		return err
	}
	first, err := watch.Next()
	if err := wrong("Next", err, first, int64(0)); err != nil {
		return err
	}
	if err := c.Put("a", 7, &adder{}); err != nil {
		return err
	}
	second, err := watch.Next()
	// And back to where it is from, through this process.
	third, followErr := c.Follow(watch)
	return errors.Join(
		wrong("Next", err, second, int64(7)),
		wrong("Follow", followErr, third, int64(7)),
		watch.Close(),
	)
}

func kept(session plugin.ClientProtocol) error {
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	c.Served = make(chan struct{}, 1)
	if err := c.Keep(&adder{}); err != nil {
		return err
	}
	for range 2 {
		total, err := c.Total(20, 22)
		if err := wrong("Total", err, total, int64(42)); err != nil {
			return err
		}
	}
	select {
	case <-c.Served:
		return errors.New("the helper was let go while it was kept")
	default:
	}
	if err := c.Forget(); err != nil {
		return err
	}
	// The case's deadline is that of this wait.
	<-c.Served
	return nil
}

type notes []string

func (n *notes) Note(text string) error { *n = append(*n, text); return nil }

func otherService(session plugin.ClientProtocol) error {
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	if err := c.Put("a", 5, &adder{}); err != nil {
		return err
	}
	var written notes
	err = c.Audited("a", &written)
	return wrong("Audited", err, written, notes{"a is 5"})
}

func lettersAndEmpty(session plugin.ClientProtocol) error {
	c, err := dispenseCounter(session)
	if err != nil {
		return err
	}
	count, text, err := c.Settle("a", 9)
	if err := wrong("Settle", err, []interface{}{count, text}, []interface{}{int64(9), "a by 9"}); err != nil {
		return err
	}
	if err := c.Clear(); err != nil {
		return err
	}
	_, err = c.Get("a")
	return refused("Get", err, "no such key: a")
}

// errorTexts sees the texts of errors that have types in Rust, however they came.
func errorTexts(session plugin.ClientProtocol) error {
	raw, err := session.Dispense("vault")
	if err != nil {
		return err
	}
	vault := raw.(shapes.Vault)
	adopted, err := vault.Adopt(shapes.Rooms{})
	if err != nil {
		return err
	}
	texts := map[string]string{
		"none":       `there is no key "none"`,
		"locked":     "locked is locked for 30 s",
		"unreadable": "cannot read the vault",
	}
	var all []error
	for key, text := range texts {
		_, got := vault.Get(key)
		_, asked := vault.Ask(key, shapes.Rooms{})
		_, relayed := vault.Relay(key, shapes.Rooms{})
		_, through := adopted.Get(key)
		all = append(all,
			refused("Get", got, text),
			refused("Ask", asked, text),
			refused("Relay", relayed, text),
			refused("Get of the adopted", through, text))
	}
	got, err := vault.Get("four")
	return errors.Join(append(all, wrong("Get", err, got, int64(4)))...)
}
