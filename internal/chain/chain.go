// Package chain makes digests of records and links them, so that a change of
// one record, or of their order, is found.
package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Size is the size of a digest in bytes: SHA-256.
const Size = sha256.Size

// Digest takes the parts of a record one after the other. Each is written with its
// length before it, so that no two different lists of parts are the same bytes.
type Digest struct{ h hash.Hash }

// New begins a digest. domain says what is digested: digests of different domains
// are never equal.
func New(domain string) Digest {
	d := Digest{sha256.New()}
	if domain != "" {
		d.Text(domain)
	}
	return d
}

// Fixed adds bytes whose number is known to whoever checks.
func (d Digest) Fixed(b []byte) { d.h.Write(b) }

// Text adds a text.
func (d Digest) Text(s string) {
	d.Int(int64(len(s)))
	d.h.Write([]byte(s))
}

// Int adds a number.
func (d Digest) Int(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	d.h.Write(b[:])
}

// Sum is the digest.
func (d Digest) Sum() (out [Size]byte) {
	d.h.Sum(out[:0])
	return out
}
