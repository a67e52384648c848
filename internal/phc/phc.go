// Package phc reads, checks and writes stored password hashes.
//
// New hashes are Argon2id (RFC 9106) in the PHC string format. Hashes of other
// systems can be checked, so that accounts may be taken over with their
// passwords and be given a new hash when their owners log in.
//
// Whatever a stored hash says is bounded before any of it is used: see [Parse].
// No error of this package contains any part of a hash or a password.
package phc

import (
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
)

const (
	// SaltSize is the size of the salt of a new hash, in bytes.
	SaltSize = 16
	tagSize  = 32

	maxEncoded  = 512  // bytes of a stored hash
	maxPassword = 1024 // bytes
)

// Bounds of Argon2id.
const (
	maxArgonMemory  = 256 << 10 // KiB
	maxArgonTime    = 16
	maxArgonThreads = 16
)

// Errors of [Parse].
var (
	// ErrFormat reports a text that is not a hash of a supported scheme, or
	// not in the one form in which its scheme writes it.
	ErrFormat = errors.New("phc: not a supported password hash")
	// ErrBounds reports a hash of a supported scheme that would cost too much
	// to check, or whose salt or sum has a size that is not supported.
	ErrBounds = errors.New("phc: password hash exceeds the supported bounds")
)

// Argon2id is the cost of an Argon2id hash.
type Argon2id struct {
	Memory  uint32 // KiB
	Time    uint32 // passes over the memory
	Threads uint8  // lanes
}

// Validate reports why p cannot be used: Memory must be 8*Threads to 262144
// KiB (256 MiB), Time 1 to 16 and Threads 1 to 16. With floor it also asks for
// one of the minima of the OWASP Password Storage Cheat Sheet: 46 MiB with
// one pass, 19 MiB with 2, 12 MiB with 3, 9 MiB with 4 or 7 MiB with 5.
func (p Argon2id) Validate(floor bool) error {
	switch {
	case p.Threads < 1 || p.Threads > maxArgonThreads:
		return fmt.Errorf("phc: argon2id threads must be 1 to %d, not %d", maxArgonThreads, p.Threads)
	case p.Time < 1 || p.Time > maxArgonTime:
		return fmt.Errorf("phc: argon2id time must be 1 to %d, not %d", maxArgonTime, p.Time)
	case p.Memory < 8*uint32(p.Threads) || p.Memory > maxArgonMemory:
		return fmt.Errorf("phc: argon2id memory must be %d to %d KiB, not %d", 8*p.Threads, maxArgonMemory, p.Memory)
	case floor && p.Memory < argonFloor[min(int(p.Time), len(argonFloor))-1]:
		return fmt.Errorf("phc: argon2id memory must be at least %d KiB with time %d, not %d",
			argonFloor[min(int(p.Time), len(argonFloor))-1], p.Time, p.Memory)
	}
	return nil
}

// argonFloor holds the least memory, in KiB, for 1, 2, ... passes.
var argonFloor = [...]uint32{47104, 19456, 12288, 9216, 7168}

// Hash returns the stored form of the hash of a password, such as
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<tag>
//
// with a tag of 32 bytes. The salt comes from a cryptographic source. Hash needs
// p.Memory KiB of memory while it runs. It returns the error of p.Validate(false)
// for a cost out of bounds.
func (p Argon2id) Hash(password []byte, salt [SaltSize]byte) (string, error) {
	if err := p.Validate(false); err != nil {
		return "", err
	}
	tag := argon2.IDKey(password, salt[:], p.Time, p.Memory, p.Threads, tagSize)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Time, p.Threads,
		base64.RawStdEncoding.EncodeToString(salt[:]), base64.RawStdEncoding.EncodeToString(tag)), nil
}

// Hash is a stored hash that [Parse] accepted. The zero Hash is one of no
// scheme, which no password verifies against.
type Hash struct {
	scheme scheme
	cost   [3]uint32 // as many as the scheme has, in the order of its text
	salt   []byte
	sum    []byte
}

// Scheme returns the name of the scheme: "argon2id", "bcrypt", "scrypt",
// "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512", "sha512-crypt", "ssha",
// "ssha256", "ssha512" or "argon2i". It is empty for the zero Hash.
func (h Hash) Scheme() string { return h.scheme.name() }

// MemoryKiB returns about how much memory Verify needs, in KiB and at least 1,
// so that a caller can bound the sum of what runs at the same time.
func (h Hash) MemoryKiB() uint32 {
	switch h.scheme {
	case argon2id, argon2i:
		return h.cost[0]
	case bcryptScheme:
		return 5
	case scryptScheme:
		n, r, p := uint64(1)<<h.cost[0], uint64(h.cost[1]), uint64(h.cost[2])
		return uint32((n + p + 2) * r * 128 >> 10)
	}
	return 1
}

// NeedsRehash reports whether a password that was verified should be hashed
// again with p: whether h is of another scheme, of another cost, or has a salt
// or a tag of another size than [Argon2id.Hash] writes.
func (h Hash) NeedsRehash(p Argon2id) bool {
	return h.scheme != argon2id || h.cost != [3]uint32{p.Memory, p.Time, uint32(p.Threads)} ||
		len(h.salt) != SaltSize || len(h.sum) != tagSize
}
