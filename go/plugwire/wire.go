package plugwire

import (
	"bufio"
	"encoding/gob"
	"io"
	"reflect"
)

// header is net/rpc's rpc.Request with the fields of plugwire behind it.
type header struct {
	ServiceMethod string
	Seq           uint64
	// PlugwireDeadline is the time that is left for the call, in nanoseconds. Zero is
	// no deadline. One that has passed is negative.
	PlugwireDeadline int64
	// PlugwireTrace is the trace that the call is part of: W3C's traceparent.
	PlugwireTrace string
	// PlugwireCancel is the number of the call that the method cancel ends.
	PlugwireCancel uint64
}

// cancel is the method that ends a call of the same connection, by its number.
// It has no reply.
const cancel = "plugwire.Cancel"

// ask is the method that gives the number of a stream for calls with a
// context.
const ask = "Plugin.PlugwireCalls"

// longestTrace is the longest trace that travels, in bytes.
const longestTrace = 256

// gobs is the two directions of a connection, each one stream of gobs.
type gobs struct {
	conn io.ReadWriteCloser
	dec  *gob.Decoder
	enc  *gob.Encoder
	buf  *bufio.Writer
}

func newGobs(conn io.ReadWriteCloser) gobs {
	buf := bufio.NewWriter(conn)
	return gobs{
		conn: conn,
		dec:  gob.NewDecoder(bufio.NewReader(conn)),
		enc:  gob.NewEncoder(buf),
		buf:  buf,
	}
}

// write writes a header and a body. After an error the stream may hold half a
// message, so it is closed, as net/rpc does.
func (g gobs) write(header, body any) error {
	err := g.enc.Encode(header)
	if err == nil {
		err = g.enc.Encode(body)
	}
	if err == nil {
		err = g.buf.Flush()
	}
	if err != nil {
		g.conn.Close()
	}
	return err
}

// skip reads a value that is not used.
func (g gobs) skip() error {
	return g.dec.DecodeValue(reflect.Value{})
}

// isTrace reports whether a text can be a traceparent.
func isTrace(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return 0 < len(text) && len(text) <= longestTrace
}
