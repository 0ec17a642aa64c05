package kit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
)

// Stream is a reader of reproducible bytes: xorshift32 from a seed, each step
// giving four bytes, little-endian. Both languages can make it without a library.
type Stream struct {
	x    uint32
	left int64
	rest []byte // of a step that a short read cut through
	word [4]byte
}

// NewStream gives the first n bytes of the stream of that seed, which must not be 0.
func NewStream(seed uint32, n int64) *Stream { return &Stream{x: seed, left: n} }

func (s *Stream) step() uint32 {
	s.x ^= s.x << 13
	s.x ^= s.x >> 17
	s.x ^= s.x << 5
	return s.x
}

// Read fills all of p until the stream ends.
func (s *Stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.left)]
	n := 0
	for n < len(p) {
		switch {
		case len(s.rest) > 0:
			c := copy(p[n:], s.rest)
			s.rest = s.rest[c:]
			n += c
		case len(p)-n >= 4:
			binary.LittleEndian.PutUint32(p[n:], s.step())
			n += 4
		default:
			binary.LittleEndian.PutUint32(s.word[:], s.step())
			s.rest = s.word[:]
		}
	}
	s.left -= int64(n)
	return n, nil
}

// Hasher is a writer that digests what goes through it.
type Hasher struct {
	sum hash.Hash
	n   int64
}

// NewHasher starts an empty digest.
func NewHasher() *Hasher { return &Hasher{sum: sha256.New()} }

// Write never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.sum.Write(p)
}

// Digest tells what has been written so far.
func (h *Hasher) Digest() Digest {
	return Digest{Bytes: h.n, Sha256: hex.EncodeToString(h.sum.Sum(nil))}
}

// DigestOf reads r to its end.
func DigestOf(r io.Reader) (Digest, error) {
	h := NewHasher()
	_, err := io.Copy(h, r)
	return h.Digest(), err
}
