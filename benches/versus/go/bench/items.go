package bench

import (
	"bufio"
	"encoding/gob"
	"io"
)

// Items receives the items of a stream, to its end.
func Items[T any](from io.Reader, each func(T)) error {
	items := gob.NewDecoder(from)
	for {
		var item T
		if err := items.Decode(&item); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		each(item)
	}
}

// SendItems sends so many. They are many and small, so an author would put a
// buffer between the encoder and the stream.
func SendItems[T any](to io.Writer, count uint64, item func(uint64) T) error {
	buffer := bufio.NewWriterSize(to, Block)
	items := gob.NewEncoder(buffer)
	for i := range count {
		if err := items.Encode(item(i)); err != nil {
			return err
		}
	}
	return buffer.Flush()
}
