package main

import (
	"encoding/gob"
	"errors"
	"fmt"
	"reflect"
	"time"

	"plugwire.test/interop/internal/people"
)

// Types that reflection cannot make, or that are registered under a name. They are also on Rust's side.

type Tree struct {
	Value int
	Kids  []*Tree
	Named map[string]Tree
}

type Point struct{ X, Y int }

type Version struct{ Major, Minor byte }

func (v Version) MarshalBinary() ([]byte, error) { return []byte{v.Major, v.Minor}, nil }

func (v *Version) UnmarshalBinary(data []byte) error {
	if len(data) != 2 {
		return errors.New("a version is two bytes")
	}
	v.Major, v.Minor = data[0], data[1]
	return nil
}

type Secret struct{ Text string }

func (s Secret) GobEncode() ([]byte, error) { return []byte(s.Text), nil }

func (s *Secret) GobDecode(data []byte) error {
	s.Text = string(data)
	return nil
}

type Boxed struct {
	Before string
	Value  any
	More   []any
}

// Names holds values under names of all kinds.
type Names struct {
	Pointer any
	Value   any
	Named   any
}

// An Event is read by programs that do not know what it holds.
type Event struct {
	ID      int
	Payload people.Person
	At      time.Time
	Pair    [2]Point
	Held    any
	Last    int
}

// Waits are durations.
type Waits struct {
	Wait  time.Duration
	Limit *time.Duration
}

var named = map[string]reflect.Type{
	"tree":    reflect.TypeFor[Tree](),
	"point":   reflect.TypeFor[Point](),
	"names":   reflect.TypeFor[Names](),
	"event":   reflect.TypeFor[Event](),
	"waits":   reflect.TypeFor[Waits](),
	"boxed":   reflect.TypeFor[Boxed](),
	"version": reflect.TypeFor[Version](),
	"secret":  reflect.TypeFor[Secret](),
	"time":    reflect.TypeFor[time.Time](),
	"node":    reflect.TypeFor[Node](),
	"leaf":    reflect.TypeFor[Leaf](),

	"bool":       reflect.TypeFor[bool](),
	"int":        reflect.TypeFor[int](),
	"int8":       reflect.TypeFor[int8](),
	"int16":      reflect.TypeFor[int16](),
	"int32":      reflect.TypeFor[int32](),
	"int64":      reflect.TypeFor[int64](),
	"uint":       reflect.TypeFor[uint](),
	"uint8":      reflect.TypeFor[uint8](),
	"uint16":     reflect.TypeFor[uint16](),
	"uint32":     reflect.TypeFor[uint32](),
	"uint64":     reflect.TypeFor[uint64](),
	"float32":    reflect.TypeFor[float32](),
	"float64":    reflect.TypeFor[float64](),
	"complex64":  reflect.TypeFor[complex64](),
	"complex128": reflect.TypeFor[complex128](),
	"string":     reflect.TypeFor[string](),
	"bytes":      reflect.TypeFor[[]byte](),
	"interface":  reflect.TypeFor[any](),
}

// A Leaf and a Node are what the typed tests send.
type Leaf struct {
	Text   string
	Small  int8
	Large  uint64
	Float  float64
	Yes    bool
	Letter rune
}

type Node struct {
	Leaf   Leaf
	Maybe  *Leaf
	Bytes  []byte
	Blob   []byte
	Array  [3]int32
	Octets [4]uint8
	Pair   struct {
		A string
		B *int64
	}
	Lists    [][]int64
	Leaves   []Leaf
	Map      map[string]Leaf
	Numbers  map[int32][]string
	Set      []uint16
	Any      any
	Anys     []any
	At       time.Time
	Until    *time.Time
	Complex  complex128
	Version  Version
	Versions []Version
	Secret   Secret
	Children []*Node
}

func init() {
	gob.Register(Tree{})
	gob.Register(Point{})
	gob.Register(Boxed{})
	gob.Register(Version{})
	gob.Register(Secret{})
	gob.Register(Leaf{})
	gob.Register(time.Time{})
	gob.Register([]any{})
	gob.Register(map[string]any{})
}

func (s schema) goType() (reflect.Type, error) {
	if t, ok := named[s.Kind]; ok {
		return t, nil
	}
	if s.Kind == "struct" {
		fields := make([]reflect.StructField, len(s.Fields))
		for i, f := range s.Fields {
			t, err := f.Type.goType()
			if err != nil {
				return nil, err
			}
			fields[i] = reflect.StructField{Name: f.Name, Type: t}
		}
		return reflect.StructOf(fields), nil
	}
	if s.Elem == nil {
		return nil, fmt.Errorf("unknown kind %q", s.Kind)
	}
	elem, err := s.Elem.goType()
	if err != nil {
		return nil, err
	}
	switch s.Kind {
	case "pointer":
		return reflect.PointerTo(elem), nil
	case "slice":
		return reflect.SliceOf(elem), nil
	case "array":
		return reflect.ArrayOf(s.Len, elem), nil
	case "map":
		key, err := s.Key.goType()
		if err != nil {
			return nil, err
		}
		return reflect.MapOf(key, elem), nil
	}
	return nil, fmt.Errorf("unknown kind %q", s.Kind)
}
