package plugwire

import (
	"bufio"
	"encoding/gob"
	"io"
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
	in   *input
	dec  *gob.Decoder
	enc  *gob.Encoder
	buf  *bufio.Writer
}

func newGobs(conn io.ReadWriteCloser) gobs {
	buf := bufio.NewWriter(conn)
	in := &input{Reader: bufio.NewReader(conn)}
	return gobs{
		conn: conn,
		in:   in,
		dec:  gob.NewDecoder(in),
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

// body reads a value. Its first error is that the value is not one of v, which
// ends nothing: gob has read it to its end. Its second is the connection's.
func (g gobs) body(v any) (unlike, lost error) {
	err := g.dec.Decode(v)
	if g.in.err != nil {
		return nil, g.in.err
	}
	return err, nil
}

// skip reads a value that is not used. gob's own way to do so, Decode(nil),
// takes the next message for a part of the value where that is an interface
// that is nil (ignoreInterface in encoding/gob/decode.go). A value that is read
// as an interface is read alone: one that is none is a mismatch.
func (g gobs) skip() error {
	var unused any
	_, lost := g.body(&unused)
	return lost
}

// input notes the error of what it reads.
type input struct {
	*bufio.Reader
	err error
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p)
	i.note(err)
	return n, err
}

func (i *input) ReadByte() (byte, error) {
	b, err := i.Reader.ReadByte()
	i.note(err)
	return b, err
}

func (i *input) note(err error) {
	if err != nil {
		i.err = err
	}
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
