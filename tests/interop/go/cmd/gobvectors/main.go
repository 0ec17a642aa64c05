// Command gobvectors is Go's side of the gob tests.
//
//	gobvectors write           prints a line of JSON for every case: name, bytes, description
//	gobvectors check           reads lines of "name hex", decodes each with Go into the type of that case, and prints
//	                           a line of JSON for each: name, description or error
//	gobvectors one NAME        prints the bytes of one case
//
// A description is JSON with nothing left out: nil slices are empty, bytes are lists of numbers, floats have a point.
package main

import (
	"bufio"
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
)

type line struct {
	Name  string          `json:"name"`
	Hex   string          `json:"hex,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "write":
		err = write()
	case len(os.Args) == 2 && os.Args[1] == "check":
		err = check()
	case len(os.Args) == 3 && os.Args[1] == "one":
		err = one(os.Args[2])
	default:
		err = fmt.Errorf("usage: gobvectors write | check | one NAME")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func find(name string) (testCase, error) {
	for _, c := range cases {
		if c.name == name {
			return c, nil
		}
	}
	return testCase{}, fmt.Errorf("no case %q", name)
}

func write() error {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, c := range cases {
		// Go numbers types per process: a process for each case makes the ids independent of the other cases.
		encoded, err := exec.Command(os.Args[0], "one", c.name).Output()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if err := out.Encode(line{Name: c.name, Hex: hex.EncodeToString(encoded), Value: c.describe()}); err != nil {
			return err
		}
	}
	return nil
}

func one(name string) error {
	c, err := find(name)
	if err != nil {
		return err
	}
	// Recent versions of Go give out 64 as the first id, older ones 65, as the documentation has it. Use it up.
	if err := gob.NewEncoder(io.Discard).Encode(struct{ First int }{}); err != nil {
		return err
	}
	encoder := gob.NewEncoder(os.Stdout)
	for _, value := range c.values {
		if err := encoder.Encode(value); err != nil {
			return err
		}
	}
	return nil
}

func check() error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		name, encoded, _ := strings.Cut(in.Text(), " ")
		result := line{Name: name}
		if value, err := decode(name, encoded); err != nil {
			result.Error = err.Error()
		} else {
			result.Value = value
		}
		if err := out.Encode(result); err != nil {
			return err
		}
	}
	return in.Err()
}

func decode(name, encoded string) (json.RawMessage, error) {
	c, err := find(name)
	if err != nil {
		return nil, err
	}
	stream, err := hex.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	decoder := gob.NewDecoder(bytes.NewReader(stream))
	received := testCase{stream: c.stream}
	for _, value := range c.values {
		target := reflect.New(reflect.TypeOf(value).Elem())
		if err := decoder.DecodeValue(target); err != nil {
			return nil, err
		}
		received.values = append(received.values, target.Interface())
	}
	if err := decoder.DecodeValue(reflect.Value{}); err != io.EOF {
		return nil, fmt.Errorf("after the value: %v", err)
	}
	return received.describe(), nil
}
