package token

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
)

// An API key has the text
//
//	<prefix>_<publicID>_<secret><checksum>
//
// and is cut from its end, where every part has a fixed width.
const (
	publicIDLen = 12
	secretLen   = 43 // 62^43 > 2^256
	checksumLen = 6  // 62^6 > 2^32

	minPrefixLen = 2
	maxPrefixLen = 16

	keyTailLen   = 1 + publicIDLen + 1 + secretLen + checksumLen
	maxAPIKeyLen = maxPrefixLen + keyTailLen
)

// Errors of [ParseAPIKey].
var (
	// ErrForm reports a text that is not built like an API key.
	ErrForm = errors.New("token: not the form of an API key")
	// ErrChecksum reports a text that is built like an API key and was
	// altered: its checksum does not match.
	ErrChecksum = errors.New("token: API key checksum does not match")
)

// ValidPrefix reports whether prefix can begin an API key: a lower-case ASCII
// letter, then 1 to 15 lower-case ASCII letters or digits.
func ValidPrefix(prefix string) bool {
	if len(prefix) < minPrefixLen || len(prefix) > maxPrefixLen {
		return false
	}
	for i := range len(prefix) {
		c := prefix[i]
		if (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// NewAPIKey returns the text of an API key and the public id inside it. The
// text is
//
//	<prefix>_<publicID>_<secret><checksum>
//
// where publicID is id in 12 base62 characters, secret the 32 bytes of secret
// in 43 base62 characters, and checksum the CRC-32 (IEEE) of everything before
// it in 6 base62 characters. The base62 digits are 0-9, A-Z, a-z, in this
// order, the most significant digit first.
//
// The top bit of id[0] is ignored: 71 bits are what 12 characters can hold.
// The public id may be stored and shown; secret must come from a cryptographic
// source. The prefix must satisfy [ValidPrefix], otherwise [ParseAPIKey]
// refuses the key.
func NewAPIKey(prefix string, id [9]byte, secret [32]byte) (text, publicID string) {
	id[0] &= 0x7f
	buf := make([]byte, 0, len(prefix)+keyTailLen)
	buf = append(buf, prefix...)
	buf = append(buf, '_')
	buf = appendBase62(buf, id[:], publicIDLen)
	buf = append(buf, '_')
	buf = appendBase62(buf, secret[:], secretLen)
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], checksum(buf))
	text = string(appendBase62(buf, sum[:], checksumLen))
	return text, text[len(prefix)+1:][:publicIDLen]
}

// ParseAPIKey checks the form and the checksum of an API key and returns its
// public id, a substring of text, and the SHA-256 of the whole text. The error
// is [ErrForm] or [ErrChecksum].
//
// The checksum finds keys that were mistyped or cut, without a look into the
// database. It is no proof: only the comparison of the hash with the stored
// one, in constant time, shows that a key is genuine.
func ParseAPIKey(text string) (publicID string, hash [32]byte, err error) {
	n := len(text) - keyTailLen
	if n < minPrefixLen || n > maxPrefixLen || !ValidPrefix(text[:n]) {
		return "", hash, ErrForm
	}
	publicID = text[n+1:][:publicIDLen]
	tail := text[n+1+publicIDLen+1:]
	if text[n] != '_' || text[n+1+publicIDLen] != '_' || !isBase62(publicID) || !isBase62(tail) {
		return "", hash, ErrForm
	}
	var buf [maxAPIKeyLen]byte
	key := buf[:copy(buf[:], text)]
	var sum uint64 // at most 62^6
	for i := secretLen; i < len(tail); i++ {
		sum = sum*62 + uint64(base62Value[tail[i]]-1)
	}
	if sum != uint64(checksum(key[:len(key)-checksumLen])) {
		return "", hash, ErrChecksum
	}
	return publicID, sha256.Sum256(key), nil
}

// checksum returns the CRC-32 (IEEE) of b. Unlike crc32.ChecksumIEEE, it lets b
// stay on the stack of its caller.
func checksum(b []byte) uint32 {
	crc := ^uint32(0)
	for _, c := range b {
		crc = crc32.IEEETable[byte(crc)^c] ^ crc>>8
	}
	return ^crc
}

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// base62Value holds the value plus one of every base62 digit, and 0 for every
// other byte.
var base62Value = digitTable(base62Digits)

func isBase62(s string) bool {
	for i := range len(s) {
		if base62Value[s[i]] == 0 {
			return false
		}
	}
	return true
}

// appendBase62 appends the big-endian number in b, of at most 32 bytes, as
// exactly width base62 digits.
func appendBase62(dst, b []byte, width int) []byte {
	var padded [32]byte
	copy(padded[len(padded)-len(b):], b)
	var num [4]uint64
	for i := range num {
		num[i] = binary.BigEndian.Uint64(padded[8*i:])
	}
	n := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := n + width - 1; i >= n; i-- {
		var rem uint64
		for j := range num {
			num[j], rem = bits.Div64(rem, num[j], 62)
		}
		dst[i] = base62Digits[rem]
	}
	return dst
}
