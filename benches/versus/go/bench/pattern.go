package bench

import (
	"encoding/binary"
	"io"
)

// Block is what is written and read at a time, by everybody.
const Block = 64 * 1024

const page = 4096

// Digest is what one side has read or written.
type Digest struct {
	Bytes uint64
	Sum   uint64
}

func (d *Digest) update(chunk []byte) {
	for i := (page - int(d.Bytes%page)) % page; i < len(chunk); i += page {
		d.Sum = d.Sum*31 + uint64(chunk[i])
	}
	d.Bytes += uint64(len(chunk))
}

// WritePattern writes the bytes of the stream rows: reproducible, in blocks that
// tell their number, so that a reader notices what is missing, doubled or out of
// order. src/pattern.rs is the same.
func WritePattern(to io.Writer, bytes uint64) (Digest, error) {
	var digest Digest
	block := make([]byte, Block)
	x := uint32(2463534242)
	for i := range block {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		block[i] = byte(x)
	}
	for number := uint64(0); bytes > 0; number++ {
		binary.LittleEndian.PutUint64(block, number)
		chunk := block[:min(bytes, Block)]
		bytes -= uint64(len(chunk))
		digest.update(chunk)
		if _, err := to.Write(chunk); err != nil {
			return digest, err
		}
	}
	return digest, nil
}

// DigestOf reads to the end.
func DigestOf(from io.Reader) (Digest, error) {
	var digest Digest
	buffer := make([]byte, Block)
	for {
		n, err := from.Read(buffer)
		digest.update(buffer[:n])
		if err == io.EOF {
			return digest, nil
		}
		if err != nil {
			return digest, err
		}
	}
}
