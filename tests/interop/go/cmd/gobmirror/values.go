package main

import (
	"math"
	"math/rand"
	"reflect"
	"time"

	"plugwire.test/interop/internal/people"
)

// Values of the types that an interface value can hold here.
var concrete = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[uint16](),
	reflect.TypeFor[uint64](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[complex64](),
	reflect.TypeFor[string](), reflect.TypeFor[[]byte](), reflect.TypeFor[[]string](), reflect.TypeFor[[]int32](),
	reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](), reflect.TypeFor[Point](), reflect.TypeFor[Tree](),
	reflect.TypeFor[Boxed](), reflect.TypeFor[Version](), reflect.TypeFor[time.Time](),
	reflect.TypeFor[people.Pet](), reflect.TypeFor[people.Tag](),
}

const alphabet = "aZ09 _\x00üλ世🦀"

func text(r *rand.Rand) string {
	if r.Intn(20) == 0 {
		long := make([]byte, r.Intn(300))
		for i := range long {
			long[i] = 'a' + byte(i%26)
		}
		return string(long)
	}
	runes := []rune(alphabet)
	out := make([]rune, r.Intn(6))
	for i := range out {
		out[i] = runes[r.Intn(len(runes))]
	}
	return string(out)
}

// bits are numbers of all lengths, and often those at the edge of one.
func bits(r *rand.Rand) uint64 {
	value := r.Uint64() >> r.Intn(64)
	switch r.Intn(6) {
	case 0:
		return 0
	case 1:
		return value &^ 0xff
	case 2:
		return 1<<r.Intn(64) - uint64(r.Intn(2))
	}
	return value
}

func float(r *rand.Rand) float64 {
	edges := []float64{0, 1, -1, 0.5, 17, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1)}
	if n := r.Intn(2 * len(edges)); n < len(edges) {
		return edges[n]
	}
	return r.NormFloat64()
}

// make_ makes a random value. Maps have one entry at most where they could hold others: their order is no one's to keep.
func make_(t reflect.Type, r *rand.Rand, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	if t == reflect.TypeFor[time.Time]() {
		at := time.Unix(int64(int32(r.Uint32())), int64(r.Intn(1e9)))
		v.Set(reflect.ValueOf(at.In(time.FixedZone("", (r.Intn(1400)+1)*60))))
		if r.Intn(2) == 0 {
			v.Set(reflect.ValueOf(at.UTC()))
		}
		return v
	}
	if t == reflect.TypeFor[Names]() {
		person := people.Person{Name: text(r), Age: r.Intn(3)}
		v.Set(reflect.ValueOf(Names{&person, people.Pet{Name: text(r)}, people.Tag{Text: text(r)}}))
		return v
	}
	if t == reflect.TypeFor[time.Duration]() {
		v.SetInt(int64(bits(r) >> 1))
		return v
	}
	count := r.Intn(4)
	if depth > 4 {
		count = 0
	}
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(r.Intn(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(bits(r)))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(bits(r))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float(r))
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(complex(float(r), float(r)))
	case reflect.String:
		v.SetString(text(r))
	case reflect.Pointer:
		if count > 0 {
			v.Set(reflect.New(t.Elem()))
			v.Elem().Set(make_(t.Elem(), r, depth+1))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(t, count, count))
		for i := range count {
			v.Index(i).Set(element(t.Elem(), r, depth+1))
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).Set(element(t.Elem(), r, depth+1))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for range count {
			v.SetMapIndex(make_(t.Key(), r, depth+1), element(t.Elem(), r, depth+1))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			v.Field(i).Set(make_(t.Field(i).Type, r, depth+1))
		}
	case reflect.Interface:
		if count > 0 {
			v.Set(make_(concrete[r.Intn(len(concrete))], r, depth+1))
		}
	}
	return v
}

// element makes a value that is no nil pointer, which gob cannot send as an element.
func element(t reflect.Type, r *rand.Rand, depth int) reflect.Value {
	if t.Kind() != reflect.Pointer {
		return make_(t, r, depth)
	}
	v := reflect.New(t.Elem())
	v.Elem().Set(element(t.Elem(), r, depth))
	return v
}

// same compares values as gob does: nothing at all, an empty slice, and a pointer to a zero are alike. A map that is empty
// is not one that is nil.
func same(a, b reflect.Value) bool {
	if a.IsValid() && b.IsValid() && a.Type() == reflect.TypeFor[time.Time]() {
		x, y := a.Interface().(time.Time), b.Interface().(time.Time)
		_, p := x.Zone()
		_, q := y.Zone()
		return x.Equal(y) && p == q
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return empty(a) && empty(b)
		}
		return same(a.Elem(), b.Elem())
	case reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return a.Elem().Type() == b.Elem().Type() && same(a.Elem(), b.Elem())
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for _, key := range a.MapKeys() {
			if found := b.MapIndex(key); !found.IsValid() || !same(a.MapIndex(key), found) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Interface() == b.Interface()
}

// empty tells whether a value is one that a field of a struct leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || empty(v.Elem())
	case reflect.Slice:
		return v.Len() == 0
	case reflect.Map:
		return v.IsNil()
	case reflect.Struct, reflect.Array:
		return false
	}
	return v.IsZero()
}
