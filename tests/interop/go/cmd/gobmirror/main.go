// Command gobmirror is Go's side of the property tests of gob: one process that lives as long as they run.
//
// A request on standard input is a frame of JSON, then a frame of a gob stream, which can be empty; the reply is a frame
// that is empty or an error's text, then a frame of a gob stream. A frame is its length in four bytes, big-endian, and
// the bytes. Requests are:
//
//	{"do": "mirror", "type": T}             decode the stream's value into T and encode it again
//	{"do": "make", "type": T, "seed": N}    make a random value of T, keep it, and encode it
//	{"do": "compare", "type": T}            decode the stream's value into T: it must equal the value kept
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"reflect"
)

type request struct {
	Do   string `json:"do"`
	Type schema `json:"type"`
	Seed int64  `json:"seed"`
}

// A schema describes a type: a kind, and what it is made of.
type schema struct {
	Kind   string  `json:"kind"`
	Len    int     `json:"len"`
	Key    *schema `json:"key"`
	Elem   *schema `json:"elem"`
	Fields []field `json:"fields"`
}

type field struct {
	Name string `json:"name"`
	Type schema `json:"type"`
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	var kept reflect.Value
	for {
		text, err := readFrame(in)
		if err == io.EOF {
			return
		}
		stream, err2 := readFrame(in)
		if err != nil || err2 != nil {
			fmt.Fprintln(os.Stderr, err, err2)
			os.Exit(1)
		}
		var reply []byte
		var req request
		if err = json.Unmarshal(text, &req); err == nil {
			reply, err = serve(req, stream, &kept)
		}
		message := ""
		if err != nil {
			message, reply = err.Error(), nil
		}
		writeFrame(out, []byte(message))
		writeFrame(out, reply)
		out.Flush()
	}
}

func readFrame(in io.Reader) ([]byte, error) {
	var length uint32
	if err := binary.Read(in, binary.BigEndian, &length); err != nil {
		return nil, err
	}
	frame := make([]byte, length)
	_, err := io.ReadFull(in, frame)
	return frame, err
}

func writeFrame(out io.Writer, frame []byte) {
	binary.Write(out, binary.BigEndian, uint32(len(frame)))
	out.Write(frame)
}

func serve(req request, stream []byte, kept *reflect.Value) ([]byte, error) {
	t, err := req.Type.goType()
	if err != nil {
		return nil, err
	}
	switch req.Do {
	case "mirror":
		value, err := decode(t, stream)
		if err != nil {
			return nil, err
		}
		return encode(value)
	case "make":
		*kept = make_(t, rand.New(rand.NewSource(req.Seed)), 0)
		return encode(*kept)
	case "compare":
		value, err := decode(t, stream)
		if err != nil {
			return nil, err
		}
		if !same(*kept, value) {
			return nil, fmt.Errorf("made  %#v\nfound %#v", kept.Interface(), value.Interface())
		}
		return nil, nil
	}
	return nil, fmt.Errorf("cannot do %q", req.Do)
}

func decode(t reflect.Type, stream []byte) (reflect.Value, error) {
	target := reflect.New(t)
	decoder := gob.NewDecoder(bytes.NewReader(stream))
	if err := decoder.DecodeValue(target); err != nil {
		return target, err
	}
	if err := decoder.DecodeValue(reflect.Value{}); err != io.EOF {
		return target, fmt.Errorf("after the value: %v", err)
	}
	return target.Elem(), nil
}

func encode(value reflect.Value) ([]byte, error) {
	var out bytes.Buffer
	// A pointer, so that an interface value at the top is sent as one.
	pointer := reflect.New(value.Type())
	pointer.Elem().Set(value)
	err := gob.NewEncoder(&out).EncodeValue(pointer)
	return out.Bytes(), err
}
