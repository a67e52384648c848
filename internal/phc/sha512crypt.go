package phc

import (
	"crypto/sha512"
	"hash"
)

// sha512CryptLen is the length of the text of a SHA-512 crypt sum.
const sha512CryptLen = 86

// sha512CryptSum returns the text of the sum of a password by SHA-512 crypt:
// Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", version 0.6, whose
// steps the comments number.
func sha512CryptSum(password, salt []byte, rounds int) []byte {
	h := sha512.New()
	var a, b, sum [sha512.Size]byte

	// Steps 4 to 8: digest B.
	h.Write(password)
	h.Write(salt)
	h.Write(password)
	h.Sum(b[:0])

	// Steps 1 to 3 and 9 to 12: digest A.
	h.Reset()
	h.Write(password)
	h.Write(salt)
	writeRepeated(h, b[:], len(password))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write(b[:])
		} else {
			h.Write(password)
		}
	}
	h.Sum(a[:0])

	// Steps 13 to 16: the sequence P.
	h.Reset()
	for range len(password) {
		h.Write(password)
	}
	h.Sum(b[:0])
	p := repeated(b[:], len(password))

	// Steps 17 to 20: the sequence S.
	h.Reset()
	for range 16 + int(a[0]) {
		h.Write(salt)
	}
	h.Sum(b[:0])
	s := repeated(b[:], len(salt))

	// Step 21: the rounds.
	sum = a
	for i := range rounds {
		h.Reset()
		if i%2 != 0 {
			h.Write(p)
		} else {
			h.Write(sum[:])
		}
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		if i%2 != 0 {
			h.Write(sum[:])
		} else {
			h.Write(p)
		}
		h.Sum(sum[:0])
	}

	// Step 22e: three bytes become four characters, the lowest six bits first.
	text := make([]byte, 0, sha512CryptLen)
	x, y, z := 0, 21, 42
	for range 21 {
		text = appendCrypt64(text, uint32(sum[x])<<16|uint32(sum[y])<<8|uint32(sum[z]), 4)
		x, y, z = y+1, z+1, x+1
	}
	return appendCrypt64(text, uint32(sum[63]), 2)
}

func appendCrypt64(dst []byte, v uint32, n int) []byte {
	const digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for range n {
		dst = append(dst, digits[v&63])
		v >>= 6
	}
	return dst
}

// writeRepeated writes n bytes to h: b as often as it fits, then its start.
func writeRepeated(h hash.Hash, b []byte, n int) {
	for ; n > len(b); n -= len(b) {
		h.Write(b)
	}
	h.Write(b[:n])
}

// repeated returns n bytes: b as often as it fits, then its start.
func repeated(b []byte, n int) []byte {
	out := make([]byte, n)
	for i := 0; i < n; {
		i += copy(out[i:], b)
	}
	return out
}
