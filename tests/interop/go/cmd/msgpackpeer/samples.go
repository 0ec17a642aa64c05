package main

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
)

// Inner is pointed to.
type Inner struct {
	Label string
	Next  *Inner
}

// Kinds has a field of every kind that gob and MessagePack both have.
type Kinds struct {
	I      int
	I8     int8
	I16    int16
	I32    int32
	I64    int64
	U      uint
	U8     uint8
	U16    uint16
	U32    uint32
	U64    uint64
	F32    float32
	F64    float64
	B      bool
	R      rune
	S      string
	Raw    []byte
	Digest [4]byte
	Triple [3]int32
	Names  []string
	Grid   [][]int
	Blobs  [][]byte
	Counts map[string]int
	ByInt  map[int]string
	Deep   map[string][]map[string]uint8
	Flag   *bool
	Num    *int64
	Chain  *Inner
	Inners []Inner
}

// Base is embedded: MessagePack has its fields among those of the outer struct.
type Base struct {
	Id   uint32
	Kind string
}

// Partial leaves its zeros out, as Consul's and Nomad's API structs do.
type Partial struct {
	Base
	Name   string            `codec:",omitempty"`
	Count  int               `codec:",omitempty"`
	Ratio  float64           `codec:",omitempty"`
	On     bool              `codec:",omitempty"`
	Raw    []byte            `codec:",omitempty"`
	Tags   []string          `codec:",omitempty"`
	Meta   map[string]string `codec:",omitempty"`
	Next   *Partial          `codec:",omitempty"`
	Rename string            `codec:"other_name,omitempty"`
}

// Stamped has a time in it.
type Stamped struct {
	At    time.Time
	Label string
}

func ptr[T any](v T) *T { return &v }

var samples = map[string]Kinds{
	"zero": {},
	"one": {
		I: 1, I8: 1, I16: 1, I32: 1, I64: 1, U: 1, U8: 1, U16: 1, U32: 1, U64: 1,
		F32: 1, F64: 1, B: true, R: 'x', S: "x", Raw: []byte("x"), Digest: [4]byte{1, 2, 3, 4},
		Triple: [3]int32{1, -1, 1000}, Names: []string{"x", "", "ünïcode"}, Grid: [][]int{{1, 2}, {}, {3}},
		Blobs:  [][]byte{[]byte("ab"), {0xff, 0xfe}, {}},
		Counts: map[string]int{"a": 1, "b": -2}, ByInt: map[int]string{1: "one", -1: "minus one", 70000: "many"},
		Deep: map[string][]map[string]uint8{"d": {{"e": 5}, {}}, "f": {}},
		Flag: ptr(true), Num: ptr(int64(-7)), Chain: &Inner{Label: "first", Next: &Inner{Label: "second"}},
		Inners: []Inner{{Label: "in"}, {}},
	},
	"min": {
		I: math.MinInt, I8: math.MinInt8, I16: math.MinInt16, I32: math.MinInt32, I64: math.MinInt64,
		F32: -math.MaxFloat32, F64: -math.MaxFloat64, R: -1, Num: ptr(int64(math.MinInt64)),
		Digest: [4]byte{0x80, 0xff, 0xfe, 0x7f}, Triple: [3]int32{math.MinInt32, -33, -129},
		Raw: []byte{0xc1, 0xff, 0x00}, Grid: [][]int{{-32, -33, -128, -129, -32768, -32769}},
	},
	"max": {
		I: math.MaxInt, I8: math.MaxInt8, I16: math.MaxInt16, I32: math.MaxInt32, I64: math.MaxInt64,
		U: math.MaxUint, U8: math.MaxUint8, U16: math.MaxUint16, U32: math.MaxUint32, U64: math.MaxUint64,
		F32: math.MaxFloat32, F64: math.MaxFloat64, R: '\U0010ffff', Num: ptr(int64(math.MaxInt64)),
		Grid: [][]int{{127, 128, 255, 256, 32767, 32768, 65535, 65536, math.MaxInt32, math.MaxUint32}},
	},
}

// partials are in pairs with what the peer has under the same name.
var partials = map[string]Partial{
	"zero": {},
	"full": {
		Base: Base{Id: 7, Kind: "k"}, Name: "n", Count: -3, Ratio: 0.5, On: true, Raw: []byte{1, 0xff},
		Tags: []string{"t"}, Meta: map[string]string{"a": "b"}, Next: &Partial{Name: "next"}, Rename: "r",
	},
}

// loose is what Go programs put into a map[string]interface{}.
func loose() map[string]interface{} {
	return map[string]interface{}{
		"nil":    nil,
		"bool":   true,
		"int":    -5,
		"uint":   uint64(math.MaxUint64),
		"float":  0.5,
		"string": "text",
		"list":   []interface{}{1, "two", nil, 3.5},
		"map":    map[string]interface{}{"inner": "x", "deeper": map[string]interface{}{"n": 1}},
	}
}

// moments are times as go-msgpack and ugorji write them in 4, 8 and 12 bytes.
var moments = []time.Time{
	time.Date(2020, 2, 29, 12, 30, 15, 0, time.UTC),
	time.Date(2020, 2, 29, 12, 30, 15, 123456789, time.UTC),
	time.Date(1900, 1, 1, 0, 0, 0, 5, time.UTC),
}

// timed are those, and the zero time.
func timed() []time.Time { return append(slices.Clone(moments), time.Time{}) }

// Times has a time in each place that one can be in.
type Times struct {
	TimeBase
	At    time.Time
	Maybe *time.Time
	Nil   *time.Time
	List  []time.Time
	Named map[string]time.Time
}

// TimeBase is embedded.
type TimeBase struct{ Since time.Time }

// timesOf has the same time in each place.
func timesOf(at time.Time) Times {
	return Times{
		TimeBase: TimeBase{at}, At: at, Maybe: &at, List: []time.Time{at}, Named: map[string]time.Time{"at": at},
	}
}

// check says where another time is. A nil may be a zero: it is how a zero is written.
func (t Times) check(at time.Time) error {
	places := map[string]time.Time{"Since": t.Since, "At": t.At, "Named": t.Named["at"]}
	if t.Maybe != nil {
		places["Maybe"] = *t.Maybe
	} else if !at.IsZero() {
		places["Maybe"] = time.Time{}
	}
	if len(t.List) != 1 || t.Nil != nil {
		return fmt.Errorf("%+v", t)
	}
	places["List"] = t.List[0]
	for place, got := range places {
		if !got.Equal(at) {
			return fmt.Errorf("%s is %v, not %v", place, got, at)
		}
	}
	return nil
}

// pattern gives n bytes, of which text has only those of ASCII.
func pattern(n int, text bool) []byte {
	b := make([]byte, n)
	for i := range b {
		if b[i] = byte(i * 7); text {
			b[i] = 'a' + byte(i%26)
		}
	}
	return b
}

// differ says where two values differ; nil and empty are the same.
func differ(path string, a, b reflect.Value) error {
	if a.Kind() != b.Kind() {
		return fmt.Errorf("%s: %v, not %v", path, a.Kind(), b.Kind())
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if err := differ(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return fmt.Errorf("%s: %d elements, not %d", path, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if err := differ(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		if a.Len() != b.Len() {
			return fmt.Errorf("%s: %d entries, not %d", path, a.Len(), b.Len())
		}
		for _, key := range a.MapKeys() {
			if !b.MapIndex(key).IsValid() {
				return fmt.Errorf("%s: no %v", path, key)
			}
			if err := differ(fmt.Sprintf("%s[%v]", path, key), a.MapIndex(key), b.MapIndex(key)); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			return fmt.Errorf("%s: one is nil", path)
		}
		if !a.IsNil() {
			return differ(path, a.Elem(), b.Elem())
		}
	default:
		if !a.Equal(b) {
			return fmt.Errorf("%s: %v, not %v", path, a, b)
		}
	}
	return nil
}

func same(got, want interface{}) error {
	return differ("", reflect.ValueOf(got), reflect.ValueOf(want))
}
