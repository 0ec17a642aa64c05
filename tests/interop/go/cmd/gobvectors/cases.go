package main

import (
	"encoding/gob"
	"math"
	"strings"
	"time"
)

// A testCase is a stream of one value, or of several when stream is set. Values are pointers to what is encoded.
type testCase struct {
	name   string
	values []any
	stream bool
}

func single[T any](name string, value T) testCase {
	return testCase{name: name, values: []any{&value}}
}

func several(name string, values ...any) testCase {
	return testCase{name: name, values: values, stream: true}
}

func pointer[T any](value T) *T { return &value }

type Point struct{ X, Y int }

type Scalars struct {
	Bool   bool
	Int    int
	Int8   int8
	Int16  int16
	Int32  int32
	Int64  int64
	Uint   uint
	Uint8  uint8
	Uint16 uint16
	Uint32 uint32
	Uint64 uint64
	F32    float32
	F64    float64
	String string
	Bytes  []byte
	Rune   rune
}

type Empty struct{}

type Inner struct{ N string }

type Outer struct {
	Tags  []string
	Map   map[string]int
	In    Inner
	Ptr   *Inner
	Arr   [2]int8
	Empty Empty
	Any   any
	Rec   []Outer
}

type Pointers struct {
	Int  *int
	Str  *string
	Deep **int
	In   *Inner
	Arr  *[2]int
	List []*Inner
	Map  map[string]*Inner
}

type Maps struct {
	Counts   map[string]int
	ByNumber map[int]string
	Nested   map[string]map[string]int
	List     []map[string]int
	After    string
}

type MapPointers struct {
	Nil   *map[string]int
	Empty *map[string]int
	After string
}

type Tree struct {
	Value int
	Kids  []*Tree
}

type List struct {
	Value int
	Next  *List
}

type Husband struct {
	Name string
	Wife *Wife
}

type Wife struct {
	Name    string
	Husband *Husband
	Kids    []Husband
}

type Level string

type Celsius float64

type Hidden struct {
	Shown  int
	hidden int
}

type Embedded struct {
	Point
	Z int
}

type Collections struct {
	Strings []string
	Ints    []int64
	Uints   []uint16
	Floats  []float32
	Bools   []bool
	Blobs   [][]byte
	Nested  [][]int
	Points  []Point
	ByName  map[string]Point
	ByInt   map[int]string
	Lists   map[string][]string
	Maps    []map[string]int
	Bytes3  [3]byte
	Points2 [2]Point
	Grid    [2][2]int
}

type Request struct {
	ServiceMethod string
	Seq           uint64
}

type Response struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}

type Pair struct {
	A int
	B string
}

type Anything struct {
	Before string
	Value  any
	After  string
}

type Person struct {
	Name string
	Age  int
	Tags []string
	Home Address
}

type Address struct {
	Street string
	Number int
}

type ByPointer struct{ Text string }

type Fresh1 struct{ Value any }

type Fresh2 struct{ Text string }

type Fresh3 struct{ Points []Point }

type Meeting struct {
	Title string
	At    time.Time
	Until *time.Time
	Zero  time.Time
}

type Version struct{ major, minor byte }

func (v Version) MarshalBinary() ([]byte, error) { return []byte{v.major, v.minor}, nil }

func (v *Version) UnmarshalBinary(data []byte) error {
	v.major, v.minor = data[0], data[1]
	return nil
}

type Secret struct{ text string }

func (s Secret) GobEncode() ([]byte, error) { return []byte(strings.ToUpper(s.text)), nil }

func (s *Secret) GobDecode(data []byte) error {
	s.text = strings.ToLower(string(data))
	return nil
}

type Opaques struct {
	Version  Version
	Versions []Version
	Secret   Secret
	After    int
}

type Complexes struct {
	C64  complex64
	C128 complex128
	List []complex128
}

type Wide struct {
	A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z, AA, AB int
}

func init() {
	gob.Register(Person{})
	gob.Register(&ByPointer{})
	gob.Register(Fresh1{})
	gob.Register(Fresh2{})
	gob.Register(Fresh3{})
	gob.Register(Level(""))
	gob.Register(time.Time{})
	gob.Register([]any{})
	gob.Register(map[string]any{})
	gob.RegisterName("short", Point{})
}

var (
	moment = time.Date(2024, 2, 29, 12, 30, 15, 123456789, time.FixedZone("", 2*3600))
	ann    = Person{"Ann", 40, []string{"a", "b"}, Address{"Main", 7}}
)

var cases = []testCase{
	single("point", Point{22, 33}),
	single("point_zero", Point{}),
	single("point_one_field", Point{0, -1}),

	single("bool_true", true),
	single("bool_false", false),
	single("int_zero", 0),
	single("int_small", 3),
	single("int_negative", -129),
	single("int_min", int64(math.MinInt64)),
	single("int_max", int64(math.MaxInt64)),
	single("int8_min", int8(math.MinInt8)),
	single("uint_127", uint(127)),
	single("uint_128", uint(128)),
	single("uint_max", uint64(math.MaxUint64)),
	single("float_17", 17.0),
	single("float_zero", 0.0),
	single("float_negative", -0.1),
	single("float_max", math.MaxFloat64),
	single("float_tiny", math.SmallestNonzeroFloat64),
	single("float_infinite", math.Inf(-1)),
	single("float_nan", math.NaN()),
	single("float32", float32(1.1)),
	single("string_empty", ""),
	single("string", "hello"),
	single("string_unicode", "héllo, 世界 🦀"),
	single("string_200", strings.Repeat("x", 200)),
	single("string_70000", strings.Repeat("y", 70000)),
	single("string_binary", "\xff\x00\xfe"),
	single("bytes_empty", []byte{}),
	single("bytes", []byte{0, 1, 127, 128, 255}),
	single("bytes_300", make([]byte, 300)),
	single("complex", complex(1.5, -2)),
	single("complex64", complex64(complex(0, 1))),
	single("rune", '世'),
	single("named_string", Level("warn")),
	single("named_float", Celsius(36.6)),

	single("strings", []string{"a", "", "c"}),
	single("strings_empty", []string{}),
	single("ints", []int{0, 1, -1, 1 << 40}),
	single("points", []Point{{1, 2}, {}, {0, 3}}),
	single("nested_slices", [][]int{{1}, {}, {2, 3}}),
	single("blobs", [][]byte{{1}, {}, {2, 3}}),
	single("array", [3]int{1, 0, -3}),
	single("array_zero", [3]int{}),
	single("array_none", [0]int{}),
	single("array_bytes", [3]byte{1, 200, 0}),
	single("array_strings", [2]string{"a", "b"}),
	single("map", map[string]int{"a": 1}),
	single("map_zero", map[string]int{"": 0}),
	single("map_empty", map[string]int{}),
	single("map_two", map[string]bool{"a": true}),
	single("map_int", map[int]string{-5: "five"}),
	single("map_of_maps", map[string]map[string][]Point{"a": {"b": {{1, 2}}}}),

	single("empty", Empty{}),
	single("scalars", Scalars{
		true, -1, -8, -16, -32, -64, 1, 8, 16, 32, 64, 1.5, -2.25, "text", []byte("bytes"), 'ü',
	}),
	single("scalars_zero", Scalars{}),
	single("outer", Outer{
		Tags: []string{"x"}, Map: map[string]int{"k": 1}, In: Inner{"in"}, Ptr: &Inner{"ptr"},
		Arr: [2]int8{1, -1}, Any: "any", Rec: []Outer{{Tags: []string{"deep"}}},
	}),
	single("outer_zero", Outer{}),
	single("outer_empty_map", Outer{Map: map[string]int{}}),
	single("maps_nil", Maps{After: "z"}),
	single("maps_empty", Maps{
		map[string]int{}, map[int]string{}, map[string]map[string]int{}, []map[string]int{}, "z",
	}),
	single("maps_nested", Maps{
		map[string]int{}, map[int]string{}, map[string]map[string]int{"a": {}}, []map[string]int{{}, {"b": 1}}, "",
	}),
	single("map_pointers", MapPointers{Empty: &map[string]int{}, After: "z"}),
	single("pointers", Pointers{
		pointer(5), pointer("s"), pointer(pointer(7)), &Inner{}, &[2]int{0, 1}, []*Inner{{"a"}, {}},
		map[string]*Inner{"k": {"v"}},
	}),
	single("pointers_nil", Pointers{}),
	single("pointers_to_zero", Pointers{Int: pointer(0), Str: pointer("")}),
	single("tree", Tree{1, []*Tree{{2, nil}, {3, []*Tree{{4, nil}}}}}),
	single("list", List{1, &List{2, &List{0, nil}}}),
	single("mutual", Husband{"Al", &Wife{"Bo", nil, []Husband{{"Cy", nil}}}}),
	single("hidden", Hidden{1, 2}),
	single("embedded", Embedded{Point{1, 2}, 3}),
	single("collections", Collections{
		[]string{"a"}, []int64{-1, 0}, []uint16{1, 65535}, []float32{0.5}, []bool{true, false},
		[][]byte{{1}, {}}, [][]int{{1, 2}, {}}, []Point{{1, 2}}, map[string]Point{"p": {3, 4}},
		map[int]string{1: "one"}, map[string][]string{"l": {"x", "y"}}, []map[string]int{{"m": 1}, {}},
		[3]byte{1, 2, 3}, [2]Point{{}, {5, 6}}, [2][2]int{{1, 2}, {3, 4}},
	}),
	single("collections_zero", Collections{}),
	single("pair", Pair{5, "five"}),
	single("wide", Wide{A: 1, Z: 26, AB: 28}),
	single("complexes", Complexes{1i, complex(2, 3), []complex128{0, 1}}),
	single("meeting", Meeting{"sync", moment, &moment, time.Time{}}),
	single("opaques", Opaques{Version{1, 2}, []Version{{3, 4}, {}}, Secret{"abc"}, 9}),

	single[any]("nil", nil),
	single[any]("any_bool", true),
	single[any]("any_int", -7),
	single[any]("any_int8", int8(-7)),
	single[any]("any_int64", int64(1)<<40),
	single[any]("any_uint16", uint16(500)),
	single[any]("any_uint64", uint64(math.MaxUint64)),
	single[any]("any_float32", float32(0.5)),
	single[any]("any_float64", 2.5),
	single[any]("any_string", "text"),
	single[any]("any_string_200", strings.Repeat("z", 200)),
	single[any]("any_string_empty", ""),
	single[any]("any_bytes", []byte{1, 2}),
	single[any]("any_strings", []string{"a", "b"}),
	single[any]("any_ints", []int{1, 2}),
	single[any]("any_complex", complex(1, 2)),
	single[any]("any_struct", ann),
	single[any]("any_pointer", &ByPointer{"p"}),
	single[any]("any_named_basic", Level("high")),
	single[any]("any_short", Point{1, 2}),
	single[any]("any_list", []any{1, "two", nil, 3.0, []any{true}}),
	single[any]("any_map", map[string]any{"key": map[string]any{"inner": []string{"x"}}}),
	single[any]("any_time", moment),
	single("any_slice", []any{1, "a", nil, []string{"q"}, ann}),
	single("any_args", map[string]any{"name": "gopher"}),
	single("anything", Anything{"before", ann, "after"}),
	single("anything_nil", Anything{"before", nil, "after"}),
	// Definitions within a definition's value, which split the message and the inner lengths.
	single("anything_fresh", Anything{"before", Fresh1{Fresh1{Fresh2{"inside"}}}, "after"}),
	single("anything_fresh_two", []Anything{
		{"1", Fresh1{Fresh2{"a"}}, "x"}, {"2", Fresh1{Fresh3{[]Point{{1, 2}}}}, "y"}, {"3", Fresh2{"b"}, "z"},
	}),

	several("stream_same", &Point{1, 2}, &Point{3, 4}, pointer([]Point{{5, 6}})),
	several("stream_rpc",
		&Request{"Plugin.Greet", 1}, pointer("arg"), &Request{"Plugin.Sum", 2}, &Pair{1, "b"},
		&Request{"Plugin.None", 3}, pointer(any(nil)), &Response{"Plugin.Greet", 1, "no"}, &struct{}{}),
	several("stream_any",
		pointer(any(ann)), pointer(any(ann)), &ann, &Anything{"a", Fresh1{Fresh2{"b"}}, "c"},
		pointer(any(Fresh2{"again"})), pointer(map[string]any{"k": Fresh3{}})),
}
