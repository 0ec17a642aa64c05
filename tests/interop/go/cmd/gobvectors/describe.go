package main

import (
	"encoding"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func (c testCase) describe() json.RawMessage {
	var parts []string
	for _, value := range c.values {
		parts = append(parts, describe(reflect.ValueOf(value).Elem(), false))
	}
	if c.stream {
		return json.RawMessage("[" + strings.Join(parts, ",") + "]")
	}
	return json.RawMessage(parts[0])
}

// describe writes a value as JSON. Inside of an interface value the receiver does not know what type to fill with
// zeros, so there fields that gob leaves out are left out here too.
//
// What a type's own encoder makes of a value is bytes, but for a time that the receiver knows to be one.
func describe(v reflect.Value, dynamic bool) string {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "null"
	}
	if v.CanInterface() && v.Kind() != reflect.Interface {
		if t, ok := reflect.Indirect(v).Interface().(time.Time); ok && !dynamic {
			return strconv.Quote(t.Format(time.RFC3339Nano))
		}
		switch opaque := v.Interface().(type) {
		case gob.GobEncoder:
			return describeOpaque(opaque.GobEncode())
		case encoding.BinaryMarshaler:
			return describeOpaque(opaque.MarshalBinary())
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return describeFloat(v.Float())
	case reflect.Complex64, reflect.Complex128:
		return "[" + describeFloat(real(v.Complex())) + "," + describeFloat(imag(v.Complex())) + "]"
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return describe(reflect.ValueOf([]byte(v.String())), dynamic)
		}
		text, _ := json.Marshal(v.String())
		return string(text)
	case reflect.Pointer:
		return describe(v.Elem(), dynamic)
	case reflect.Interface:
		if v.IsNil() {
			return "null"
		}
		return describe(v.Elem(), true)
	case reflect.Slice, reflect.Array:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = describe(v.Index(i), dynamic)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case reflect.Map:
		var parts []string
		for _, key := range v.MapKeys() {
			parts = append(parts, strconv.Quote(fmt.Sprint(key.Interface()))+":"+describe(v.MapIndex(key), dynamic))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			zero := v.Field(i).IsZero()
			if dynamic && zero && (field.Type.Kind() != reflect.Struct || isOpaque(field.Type)) {
				continue
			}
			part := describe(v.Field(i), dynamic)
			if zero && field.Type.Kind() == reflect.Struct && isOpaque(field.Type) && field.Type != timeType {
				part = "[]" // left out, and the receiver's bytes stay empty
			}
			parts = append(parts, strconv.Quote(field.Name)+":"+part)
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	panic("cannot describe " + v.Type().String())
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	gobType    = reflect.TypeFor[gob.GobEncoder]()
	binaryType = reflect.TypeFor[encoding.BinaryMarshaler]()
)

func isOpaque(t reflect.Type) bool { return t.Implements(gobType) || t.Implements(binaryType) }

func describeOpaque(encoded []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return describe(reflect.ValueOf(encoded), false)
}

func describeFloat(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "null"
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	return mantissa + "e" + exponent
}
