package usermgmt

import (
	"encoding/binary"
	"math/bits"
)

// digestIndex finds numbers from 1 on by keys that are random, or count up. It has a
// power of two of places, more than numbers. What the number leaves of a place are
// bits of the key, so that hardly any other entry is looked at.
type digestIndex struct {
	places []uint32
	bits   int // of numbers
}

func newDigestIndex(n int) digestIndex {
	size := 16
	for size < n+n/2 {
		size *= 2
	}
	return digestIndex{make([]uint32, size), bits.Len(uint(n))}
}

func hashOf(key [16]byte) uint64 {
	return (binary.BigEndian.Uint64(key[:8]) ^ binary.BigEndian.Uint64(key[8:])) * 0x9E3779B97F4A7C15 // 2^64 by the golden ratio
}

// place is where the search for a key begins, and the bits of the key.
func (x *digestIndex) place(key [16]byte) (at uint64, tag uint32) {
	h := hashOf(key)
	return h >> (65 - bits.Len(uint(len(x.places)))), uint32(h) >> x.bits << x.bits //nolint:gosec // some bits of it
}

// get returns the number at a place, 0 if none is there or behind, and -1 if another
// key is there.
func (x *digestIndex) get(at uint64, tag uint32) int {
	switch v := x.places[at&uint64(len(x.places)-1)]; {
	case v == 0:
		return 0
	case v>>x.bits == tag>>x.bits:
		return int(v - tag)
	}
	return -1
}

func (x *digestIndex) add(key [16]byte, i int) {
	at, tag := x.place(key)
	for x.get(at, tag) != 0 {
		at++
	}
	x.places[at&uint64(len(x.places)-1)] = tag | uint32(i+1) //nolint:gosec // fewer than 2^32 users
}
