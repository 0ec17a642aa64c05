package main

import (
	"encoding/gob"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// series makes a case of each value, with a number behind the name.
func series[T any](name string, values ...T) []testCase {
	var cases []testCase
	for i, value := range values {
		cases = append(cases, single(fmt.Sprintf("%s_%02d", name, i), value))
	}
	return cases
}

// numbered has every number from the first to the last, times itself.
func numbered(first, last int64) (list []int64) {
	for n := first; n <= last; n++ {
		list = append(list, n*n)
	}
	return list
}

// texts has one of each length from the first to the last.
func texts(first, last int) (list []string) {
	for n := first; n <= last; n++ {
		list = append(list, strings.Repeat("abcdefghijklmnopqrstuvwxyz", 5)[:n])
	}
	return list
}

type Bytes []byte

type BytesEverywhere struct {
	Plain  []byte
	Named  Bytes
	Ptr    *[]byte
	List   [][]byte
	Array  [2][]byte
	ByName map[string][]byte
	ByKey  map[[2]byte]string
	Fixed  [4]byte
	Deep   [][][]byte
	Any    any
}

type Numbers []int

type Graph struct {
	Name  string
	Edges map[string]*Graph
	Back  []Graph
}

type Nest map[string]Nest

type Base struct {
	ID   uint32
	Note string
}

type Middle struct {
	Base
	Level int
}

type Derived struct {
	Middle
	*Point
	Own string
}

type Runes struct {
	One  rune
	Many []rune
	Map  map[rune]string
	Arr  [3]rune
}

type Keys struct {
	Bool   map[bool]int
	Int8   map[int8]string
	Uint   map[uint64]string
	Struct map[Point]string
	Array  map[[2]int]string
}

type Clock struct {
	At    time.Time
	Ptr   *time.Time
	List  []time.Time
	Map   map[string]time.Time
	Took  time.Duration
	After int
}

type Marshalers struct {
	Version Version
	Ptr     *Version
	List    []Version
	Map     map[string]Version
	Secret  Secret
	Secrets [2]Secret
	Addr    netip.Addr
	Big     *big.Int
	URL     *url.URL
	After   string
}

type Signal struct {
	C64  complex64
	C128 complex128
	List []complex128
	Ptr  *complex128
	Map  map[string]complex64
}

type NotFound struct{ Path string }

func (e *NotFound) Error() string { return e.Path + " not found" }

type Timeout int

func (t Timeout) Error() string { return fmt.Sprint(int(t), "s passed") }

type Reply struct {
	OK  bool
	Err error
	All []error
}

type Stringer interface{ String() string }

type Named struct{ Value Stringer }

type Title struct{ Text string }

func (t Title) String() string { return t.Text }

type Inlined struct {
	First  any
	Second any
	Third  []any
}

type Small struct{ V any }

type Other struct {
	Text string
	More map[string]any
}

type Deep1 struct{ Deep2 Deep2 }
type Deep2 struct{ Deep3 *Deep3 }
type Deep3 struct{ Deep4 []Deep4 }
type Deep4 struct{ Deep5 map[string]Deep5 }
type Deep5 struct {
	Leaf  string
	Again *Deep1
}

type Optional struct {
	Bool   *bool
	Uint   *uint16
	Float  *float32
	Bytes  *[]byte
	Slice  *[]int
	Map    *map[string]int
	Struct **Point
}

func init() {
	gob.Register(&NotFound{})
	gob.Register(Timeout(0))
	gob.Register(Title{})
	gob.Register(Small{})
	gob.Register(Other{})
	gob.Register(Version{})
	gob.Register(Secret{})
	gob.Register(Numbers{})
	gob.Register(Nest{})
	gob.Register([2]bool{})
	gob.Register(map[int]string{})
	gob.Register([][]int{})
	cases = append(cases, more()...)
}

func zoned(offset int) time.Time {
	return time.Date(2001, 2, 3, 4, 5, 6, 7, time.FixedZone("", offset))
}

func more() []testCase {
	one, half := moment, float32(0.5)
	yes := true
	port, list, dict, blob := uint16(80), []int{1, 2}, map[string]int{"k": 0}, []byte{1}
	point := &Point{1, 2}
	address, _ := url.Parse("http://u@h:1/p?q#f")
	loop := &Graph{Name: "leaf"}
	var all []testCase
	add := func(cases ...[]testCase) {
		for _, c := range cases {
			all = append(all, c...)
		}
	}
	add(
		series("i64", int64(0), 1, -1, 63, 64, -64, -65, 127, 128, -128, -129, 255, 256, 1<<15, 1<<16, -1<<15,
			1<<31, -1<<31, 1<<32, 1<<48, 1<<56, math.MaxInt64-1, math.MinInt64+1),
		series("i16", int16(math.MinInt16), math.MaxInt16, 0),
		series("i32", int32(math.MinInt32), math.MaxInt32, 0),
		series("u64", uint64(0), 1, 126, 127, 128, 255, 256, 65535, 65536, 1<<24, 1<<32-1, 1<<32, 1<<40, 1<<63),
		series("u8", uint8(0), 1, 128, 255),
		series("u16", uint16(0), 255, 65535),
		series("u32", uint32(0), 255, math.MaxUint32),
		series("f64", 0.0, math.Copysign(0, -1), 1, -1, 0.5, 100, 1e100, 1e-100, math.Pi, 1<<53, math.Inf(1)),
		series("f32", float32(0), 1, -0.5, math.MaxFloat32, math.SmallestNonzeroFloat32),
		series("text", "", "a", "\x00", "ü", "🦀", strings.Repeat("é", 64), strings.Repeat("z", 127),
			strings.Repeat("z", 128), strings.Repeat("z", 255), strings.Repeat("z", 256)),
		series("octets", []byte{}, []byte{0}, []byte("text"), make([]byte, 127), make([]byte, 128)),
		series("named_octets", Bytes{1, 2}, Bytes{}),
		series("numbers", Numbers{}, Numbers{1, -1}),
		series("c128", 0i, 1i, complex(-1, 0.5), complex(math.MaxFloat64, 0)),
		series("c64", complex64(0), complex64(complex(0.5, -2))),
		series("c128_list", []complex128{}, []complex128{1i, 0}),

		series("bool_list", []bool{}, []bool{true, false, true}),
		series("float_list", []float64{0, 1.5, -1}, []float64{0, math.Copysign(0, -1), math.Pi, math.MaxFloat64,
			math.SmallestNonzeroFloat64}),
		series("f32_list", []float32{0, float32(math.Copysign(0, -1)), 0.1, math.MaxFloat32}),
		series("float_array", [3]float64{math.Copysign(0, -1), 0, 0.1}),
		series("i64_list", []int64{0, -1, 63, 64, -64, -65, 1 << 31, math.MaxInt64, math.MinInt64}, numbered(0, 300)),
		series("u64_list", []uint64{0, 127, 128, 255, 256, 1 << 32, 1 << 56, math.MaxUint64}),
		series("u16_list", []uint16{0, 65535}),
		series("i8_list", []int8{-128, 0, 127}),
		series("rune_list", []rune{}, []rune("añ世🦀\x00")),
		series("text_list", []string{""}, []string{"", ""}, []string{"a", strings.Repeat("b", 200)},
			texts(0, 40), texts(126, 129)),
		series("lists3", [][][]int{}, [][][]int{{}, {{}}, {{1}, {2, 3}}}),
		series("octet_lists", [][]byte{}, [][]byte{{}, {1}}),
		series("point_lists", [][]Point{{{1, 2}}, {}}),
		series("array_list", [][2]int{{1, 2}, {}}),
		series("list_array", [2][]int{{1}, {}}),
		series("grid", [2][3]uint8{{1, 2, 3}, {4, 5, 6}}, [2][3]uint8{}),
		series("point_array", [2]Point{{1, 0}, {}}),
		series("bool_array", [3]bool{true, false, true}),

		series("map_bool", map[bool]string{true: "yes"}, map[bool]string{false: ""}),
		series("map_floats", map[string]float64{"minus nothing": math.Copysign(0, -1)}),
		series("map_u8", map[uint8]string{0: "zero"}, map[uint8]string{255: "max"}),
		series("map_lists", map[string][]int{"a": {}}, map[string][]int{"": {1, 2}}),
		series("map_octets", map[string][]byte{"a": {1, 2}}, map[string][]byte{"": {}}),
		series("map_points", map[string]Point{"o": {}}, map[string]Point{"p": {3, 4}}),
		series("map_maps", map[string]map[string]int{}, map[string]map[string]int{"a": {}},
			map[string]map[string]int{"a": {"b": 1}}),
		series("map_arrays", map[int][2]string{1: {"a", ""}}),
		series("keys", Keys{}, Keys{
			map[bool]int{true: 1}, map[int8]string{-1: "m"}, map[uint64]string{1 << 40: "u"},
			nil, nil,
		}),

		series("bytes_everywhere", BytesEverywhere{}, BytesEverywhere{
			Plain: []byte{1}, Named: Bytes{2}, Ptr: &blob, List: [][]byte{{3}, {}}, Array: [2][]byte{{4}, {}},
			ByName: map[string][]byte{"k": {5}}, Fixed: [4]byte{6, 0, 0, 200}, Deep: [][][]byte{{{7}, {}}, {}}, Any: []byte{8},
		}),
		series("runes", Runes{}, Runes{'世', []rune("a🦀"), map[rune]string{'x': "ex"}, [3]rune{'a', 0, 'ü'}}),
		series("graph", Graph{}, Graph{Name: "root", Edges: map[string]*Graph{"a": loop}}, Graph{
			Name: "root", Edges: map[string]*Graph{"a": {Name: "a", Edges: map[string]*Graph{"b": loop}}},
			Back: []Graph{{Name: "b1"}, {Back: []Graph{{}}}},
		}),
		series("nest", Nest{}, Nest{"a": nil}, Nest{"a": {"b": {"c": {}}}}),
		series("trees", Tree{}, Tree{1, []*Tree{{}, {5, []*Tree{{6, nil}, {7, nil}}}}}),
		series("lists", List{}, List{0, &List{}}, List{1, &List{2, &List{3, &List{4, nil}}}}),
		series("couple", Husband{}, Husband{"A", &Wife{}}, Husband{"A", &Wife{"B", &Husband{"C", &Wife{"D", nil, nil}}, nil}}),
		series("derived", Derived{}, Derived{Middle{Base{7, "n"}, 2}, &Point{1, 2}, "own"}, Derived{Own: "x"}),
		series("deep", Deep1{}, Deep1{Deep2{&Deep3{[]Deep4{{}, {map[string]Deep5{"k": {"leaf", &Deep1{}}}}}}}}),
		series("optional", Optional{}, Optional{&yes, &port, &half, &blob, &list, &dict, &point},
			Optional{Bool: &yes}),
		series("scalar_fields", Scalars{Bool: true}, Scalars{Int8: -1}, Scalars{Uint64: 1 << 63}, Scalars{F32: 0.25},
			Scalars{String: "s"}, Scalars{Bytes: []byte{0}}, Scalars{Rune: 1}, Scalars{Int: 1, Rune: 'x'}),
		series("outers", Outer{Tags: []string{""}}, Outer{Map: map[string]int{"": 0}}, Outer{Ptr: &Inner{}},
			Outer{Arr: [2]int8{0, 1}}, Outer{Any: 5}, Outer{Any: []string{"x"}}, Outer{Rec: []Outer{{}, {Any: true}}}),
		series("points3", []Point{}, []Point{{}}, []Point{{1, 0}, {0, 1}, {1, 1}}),

		series("time", time.Time{}, moment, moment.UTC(), time.Unix(0, 0).UTC(), time.Unix(-1, 999999999).UTC(),
			zoned(0), zoned(-5*3600), zoned(5*3600+1800), zoned(3600+17),
			time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)),
		// Go does not read these right itself.
		series("time_west", zoned(-3600-17), zoned(-8*3600-1)),
		series("times", []time.Time{}, []time.Time{moment, {}}),
		series("clock", Clock{}, Clock{moment, &one, []time.Time{moment.UTC()}, map[string]time.Time{"t": moment}, time.Second, 1}),
		series("marshalers", Marshalers{}, Marshalers{
			Version{1, 2}, &Version{3, 4}, []Version{{5, 6}, {}}, map[string]Version{"v": {7, 8}}, Secret{"abc"},
			[2]Secret{{"x"}, {}}, netip.MustParseAddr("10.0.0.1"), big.NewInt(-258), address, "after",
		}, Marshalers{Addr: netip.MustParseAddr("fe80::1%eth0"), Big: big.NewInt(7)}),
		series("version", Version{}, Version{1, 2}),
		series("versions", []Version{{1, 2}, {}}),
		series("secret", Secret{}, Secret{"abc"}),
		series("bigs", []*big.Int{big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 200)}),
		series("addr", netip.MustParseAddr("::1"), netip.Addr{}),
		series("signal", Signal{}, Signal{1i, 2, []complex128{0, 1i}, pointer(3i), map[string]complex64{"k": 1}}),

		series("reply", Reply{}, Reply{true, &NotFound{"/etc"}, nil}, Reply{Err: Timeout(5)},
			Reply{All: []error{nil, Timeout(0), &NotFound{}}}),
		series("stringer", Named{}, Named{Title{"t"}}),
		series[any]("basic", int16(-3), int32('x'), int64(-1)<<40, uint(1), uint8(200), uint32(1)<<31, uint64(1)<<40,
			float32(-0.5), false, "", []byte{}, 1, -1.5, int8(0), uint16(0)),
		series[any]("boxed", []int8{1, -1}, []int16{}, []uint16{1}, []uint64{1 << 40}, []float32{0.5},
			[]float64{1, 2}, []bool{true}, []string{}, []rune("ab"), []complex64{1i}, complex64(1i), uintptr(5),
			Version{9, 8}, Secret{"s"}, Numbers{1}, Nest{"n": {}}, [2]bool{true, false}, map[int]string{1: "x"},
			[][]int{{1}, {}}, []any{}, map[string]any{}, []any{[]any{[]any{nil}}}, map[string]any{"k": []any{1, "x"}},
			&NotFound{"p"}, Timeout(3), Title{""}, Small{}, Small{Small{Small{1}}}, Small{[]any{Title{"in"}}}),
		series("inlined", Inlined{}, Inlined{First: Small{Title{"a"}}, Second: Title{"b"}},
			Inlined{Other{"t", map[string]any{"k": Small{Version{1, 2}}}}, Small{Numbers{1}}, []any{Small{}, Title{"x"}, nil, Person{}}}),
		series("anys", []any{}, []any{nil}, []any{nil, 1, "x", Small{Title{"y"}}, []any{Title{"z"}}}),
		series("any_dict", map[string]any{}, map[string]any{"x": nil}, map[string]any{"x": Small{Numbers{1, 2}}}),
	)
	return append(all,
		several("stream_times", &one, pointer(time.Time{}), &[]time.Time{moment}, &Clock{At: moment}),
		several("stream_boxed", pointer(any(Small{Title{"a"}})), pointer(any(Small{Title{"b"}})),
			pointer(any(Title{"c"})), &Small{Small{Numbers{1}}}, pointer(any(Numbers{2}))),
		several("stream_mixed", pointer(1), pointer("two"), &[]int{3}, &map[string]int{"four": 4}, &[2]bool{true, false},
			pointer(complex(5, 5)), &[]byte{6}, pointer(any(7)), &Point{8, 8}),
	)
}
