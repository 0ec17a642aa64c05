package gobspeed

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"reflect"
	"testing"
)

func BenchmarkUser(b *testing.B)    { rows(b, user(42)) }
func BenchmarkUsers(b *testing.B)   { rows(b, users()) }
func BenchmarkSamples(b *testing.B) { rows(b, samples()) }
func BenchmarkWide(b *testing.B)    { rows(b, wides()) }
func BenchmarkNumbers(b *testing.B) { rows(b, numbers()) }
func BenchmarkTexts(b *testing.B)   { rows(b, texts()) }
func BenchmarkBytes(b *testing.B)   { rows(b, allBytes()) }

// TestSizes prints the length of each message, which must be what Rust prints.
func TestSizes(t *testing.T) {
	for _, row := range []struct {
		name  string
		value any
	}{{"user", user(42)}, {"users", users()}, {"samples", samples()}, {"wide", wides()}, {"numbers", numbers()},
		{"texts", texts()}, {"bytes", allBytes()}} {
		_, next := messages(t, row.value)
		fmt.Println("size", row.name, len(next))
	}
}

// messages are those of a new stream for a value: with definitions, then without.
func messages(tb testing.TB, value any) (first, next []byte) {
	var buf bytes.Buffer
	enc := gob.NewEncoder(&buf)
	must(tb, enc.Encode(value))
	first = bytes.Clone(buf.Bytes())
	buf.Reset()
	must(tb, enc.Encode(value))
	return first, buf.Bytes()
}

// rows are those of Rust: warm is a connection on which the types were sent before, cold a whole stream.
func rows[T any](b *testing.B, value T) {
	first, next := messages(b, value)

	b.Run("encode/warm", func(b *testing.B) {
		var buf bytes.Buffer
		enc := gob.NewEncoder(&buf)
		must(b, enc.Encode(&value))
		b.ReportAllocs()
		for b.Loop() {
			buf.Reset()
			must(b, enc.Encode(&value))
		}
	})

	b.Run("encode/cold", func(b *testing.B) {
		var buf bytes.Buffer
		b.ReportAllocs()
		for b.Loop() {
			buf.Reset()
			must(b, gob.NewEncoder(&buf).Encode(&value))
		}
	})

	b.Run("decode/warm", func(b *testing.B) {
		var buf bytes.Buffer
		dec := gob.NewDecoder(&buf)
		buf.Write(first)
		var found T
		must(b, dec.Decode(&found))
		if !reflect.DeepEqual(found, value) {
			b.Fatal("decoded another value")
		}
		b.ReportAllocs()
		for b.Loop() {
			buf.Write(next)
			var found T
			must(b, dec.Decode(&found))
		}
	})

	b.Run("decode/cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var found T
			must(b, gob.NewDecoder(bytes.NewReader(first)).Decode(&found))
		}
	})
}

func must(tb testing.TB, err error) {
	if err != nil {
		tb.Fatal(err)
	}
}
