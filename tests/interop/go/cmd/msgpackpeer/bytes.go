package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/rpc"
)

// printBytes shows how a flavor writes things, as one JSON object of hex.
func printBytes(w io.Writer, f flavor) error {
	if !f.msgpack() {
		return errors.New("gob's values have no bytes of their own")
	}
	values := map[string]interface{}{
		"request":      &rpc.Request{ServiceMethod: "Plugin.Greet", Seq: 300},
		"response":     &rpc.Response{ServiceMethod: "Plugin.Greet", Seq: 1},
		"nil argument": new(interface{}),
		"empty struct": struct{}{},
		"text 31":      string(pattern(31, true)),
		"text 32":      string(pattern(32, true)),
		"text 256":     string(pattern(256, true)),
		"bytes":        []byte{1, 0xff},
		"no bytes":     []byte{},
		"nil bytes":    []byte(nil),
		"byte array":   [2]byte{1, 0xff},
		"nil list":     []string(nil),
		"no list":      []string{},
		"nil map":      map[string]int(nil),
		"nil pointer":  struct{ P *int }{},
		"int 200":      200,
		"uint 200":     uint(200),
		"max uint64":   uint64(math.MaxUint64),
		"float32":      float32(1),
		"rune":         'x',
		"int keys":     map[int]string{-1: "a"},
		"time":         moments[0],
		"time nanos":   moments[1],
		"time 1900":    moments[2],
		"omitted":      partials["zero"],
	}
	shown := make(map[string]string)
	for name, value := range values {
		var b bytes.Buffer
		if err := f.encode(&b, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		shown[name] = fmt.Sprintf("%x", b.Bytes())
	}
	return json.NewEncoder(w).Encode(shown)
}
